// The door of net: HTTP in and out. Include this, or the one part that you need.
#pragma once

#include "net/client.h"
#include "net/http.h"
#include "net/router.h"
#include "net/server.h"
