// The server itself over the native API: status, clock, the list of routes, the end.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "control/control.h"
#include "net/router.h"
#include "os/clock.h"

namespace tatara::api {

struct SystemContext {
  control::Control& control;
  const os::Clock& clock;
  bool replay = false;
  std::string home, command;
  const net::Router& router;
  std::function<void()> request_stop;
  std::function<Result<int64_t>()> cancel_all;  // jobs and pipeline runs; how many
};

std::vector<net::Route> SystemRoutes(SystemContext context);

}  // namespace tatara::api
