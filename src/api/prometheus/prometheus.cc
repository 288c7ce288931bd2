#include "api/prometheus/prometheus.h"

namespace tatara::api {

std::vector<net::Route> PrometheusRoutes(const telemetry::Metrics& metrics,
                                         std::function<void()> refresh) {
  const auto answer = [&metrics, refresh = std::move(refresh)](net::Request&) {
    refresh();
    return net::Response::Text(200, metrics.Text(), "text/plain; version=0.0.4; charset=utf-8");
  };
  return {{net::Verb::kGet,
           "/metrics",
           net::Role::kViewer,
           net::RouteKind::kBuffered,
           answer,
           {},
           "The server's counters, gauges and histograms for Prometheus."}};
}

}  // namespace tatara::api
