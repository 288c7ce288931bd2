// Endpoints over the native API.
#pragma once

#include <functional>
#include <vector>

#include "artifacts/artifacts.h"
#include "net/router.h"
#include "serving/serving.h"

namespace tatara::api {

// All outlive the routes.
struct EndpointsContext {
  db::Database& database;
  artifacts::Store& artifacts;
  serving::Serving* serving = nullptr;  // null: a home that was opened for reading
};

std::vector<net::Route> EndpointsRoutes(EndpointsContext context);

}  // namespace tatara::api
