// The door of os: clock, files, shared libraries, processes, threads, randomness. Include this, or
// one part.
#pragma once

#include "os/clock.h"
#include "os/files.h"
#include "os/library.h"
#include "os/process.h"
#include "os/random.h"
#include "os/threads.h"
