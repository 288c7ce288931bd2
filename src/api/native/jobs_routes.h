// Jobs over the native API.
#pragma once

#include <functional>
#include <vector>

#include "db/db.h"
#include "jobs/jobs.h"
#include "net/router.h"

namespace tatara::api {

struct JobsContext {
  db::Database& database;
  jobs::Jobs& jobs;
  std::function<void()> wake;  // Control::Wake
};

std::vector<net::Route> JobsRoutes(JobsContext context);

}  // namespace tatara::api
