// The Prometheus dialect: GET /metrics in the text exposition format 0.0.4.
#pragma once

#include <functional>
#include <vector>

#include "net/router.h"
#include "telemetry/telemetry.h"

namespace tatara::api {

// `refresh` brings the metrics up to date before they are shown.
std::vector<net::Route> PrometheusRoutes(const telemetry::Metrics& metrics,
                                         std::function<void()> refresh);

}  // namespace tatara::api
