// Runs, models and what their URIs stand for, over the native API.
#pragma once

#include <vector>

#include "artifacts/artifacts.h"
#include "db/db.h"
#include "net/router.h"
#include "os/clock.h"

namespace tatara::api {

struct RegistryContext {
  db::Database& database;
  artifacts::Store& artifacts;
  const os::Clock& clock;
};

std::vector<net::Route> RegistryRoutes(RegistryContext context);

}  // namespace tatara::api
