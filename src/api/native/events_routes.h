// The event log, rules and their deliveries over the native API.
#pragma once

#include <vector>

#include "db/db.h"
#include "net/router.h"

namespace tatara::api {

struct EventsContext {
  db::Database& database;
};

std::vector<net::Route> EventsRoutes(EventsContext context);

}  // namespace tatara::api
