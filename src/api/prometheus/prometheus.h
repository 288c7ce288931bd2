// The Prometheus dialect: GET /metrics in the text exposition format 0.0.4.
#pragma once

#include <vector>

#include "net/router.h"
#include "telemetry/telemetry.h"

namespace tatara::api {

std::vector<net::Route> PrometheusRoutes(const telemetry::Metrics& metrics);

}  // namespace tatara::api
