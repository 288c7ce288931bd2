// Alarms and time series over the native API.
#pragma once

#include <vector>

#include "db/db.h"
#include "net/router.h"

namespace tatara::api {

struct AlarmsContext {
  db::Database& database;
};

std::vector<net::Route> AlarmsRoutes(AlarmsContext context);

}  // namespace tatara::api
