// tatara.yaml over the native API, monitors, and the chain of causes.
#pragma once

#include <functional>
#include <vector>

#include "db/db.h"
#include "net/router.h"
#include "os/clock.h"

namespace tatara::api {

struct ProjectContext {
  db::Database& database;
  const os::Clock& clock;
  std::function<void()> applied;  // after an apply: queues may have changed; wakes control
};

std::vector<net::Route> ProjectRoutes(ProjectContext context);

}  // namespace tatara::api
