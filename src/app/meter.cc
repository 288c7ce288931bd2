#include "app/meter.h"

#include "base/log.h"

namespace tatara::app {

EndpointMeter::EndpointMeter(db::Database& database, serving::Serving& serving,
                             telemetry::Metrics& metrics, Time now, bool replay)
    : database_(database),
      serving_(serving),
      metrics_(metrics),
      period_(replay ? Duration(std::chrono::days(1)) : Duration(std::chrono::minutes(1))),
      next_(Time(now.time_since_epoch() / period_ * period_) + period_) {}

void EndpointMeter::Refresh() {
  const auto endpoints = serving_.List();
  if (!endpoints) return;
  for (const auto& status : *endpoints) {
    const auto endpoint = serving_.Find(status.name);
    if (!endpoint) continue;
    const serving::EndpointCounters& counters = (*endpoint)->counters();
    const telemetry::Labels labels = {{"endpoint", status.name}};
    const auto set = [&](const char* name, const char* help, double value) {
      telemetry::Counter& counter = metrics_.GetCounter(name, help, labels);
      counter.Add(value - counter.value());
    };
    set("tatara_endpoint_requests_total", "Requests answered, errors included.",
        static_cast<double>(counters.requests));
    set("tatara_endpoint_errors_total", "Requests answered with an error.",
        static_cast<double>(counters.errors));
    set("tatara_endpoint_rows_total", "Predictions made.", static_cast<double>(counters.rows));
    set("tatara_endpoint_batches_total", "Runs of a model.", static_cast<double>(counters.runs));
    set("tatara_endpoint_latency_seconds_total", "From request to answer, summed.",
        static_cast<double>(counters.latency_nanos) / 1e9);
    set("tatara_endpoint_truths_total", "Ground truths taken.",
        static_cast<double>(counters.truths));
    set("tatara_endpoint_captured_rows_total", "Rows captured.",
        static_cast<double>(counters.captured_rows));
    set("tatara_endpoint_capture_lost_rows_total", "Captured rows that could not be written.",
        static_cast<double>(status.capture.lost_rows));
    metrics_
        .GetGauge("tatara_endpoint_capture_failing", "1 while captured rows cannot be written.",
                  labels)
        .Set(status.capture.failure.empty() ? 0 : 1);
    metrics_.GetGauge("tatara_endpoint_ready", "1 while the endpoint answers.", labels)
        .Set(status.state == "READY" ? 1 : 0);
  }
}

void EndpointMeter::Tick(const control::Moment& moment) {
  if (moment.due < next_) return;
  if (Status written = Write(next_ - period_, moment.now); !written) {
    Log::Error("meter", written.error().message);
  }
  next_ = Time(moment.due.time_since_epoch() / period_ * period_) + period_;
}

Status EndpointMeter::Write(Time period, Time now) {
  struct Delta {
    std::string endpoint;
    Counts counts;
  };
  std::vector<Delta> deltas;
  for (const auto& status : TRY(serving_.List())) {
    const auto endpoint = serving_.Find(status.name);
    if (!endpoint) continue;
    const serving::EndpointCounters& counters = (*endpoint)->counters();
    const Counts total{counters.requests, counters.errors, counters.latency_nanos};
    Counts& seen = seen_[status.name];
    const Counts fresh{total.requests - seen.requests, total.errors - seen.errors,
                       total.latency_nanos - seen.latency_nanos};
    seen = total;
    if (fresh.requests > 0) deltas.push_back({status.name, fresh});
  }
  if (deltas.empty()) return {};
  return database_.Write([&](db::Tx& tx) -> Status {
    for (const auto& [endpoint, counts] : deltas) {
      const auto put = [&](const char* metric, double value) {
        return telemetry::PutPoint(tx, {.metric = metric,
                                        .dimensions = {{"endpoint", endpoint}},
                                        .time = period,
                                        .samples = telemetry::Samples::Of(value),
                                        .arrives = now,
                                        .source = "meter"});
      };
      TRY(put("requests", static_cast<double>(counts.requests)));
      TRY(put("errors", static_cast<double>(counts.errors)));
      TRY(put("latency", static_cast<double>(counts.latency_nanos) / 1e9 /
                             static_cast<double>(counts.requests)));
    }
    return {};
  });
}

}  // namespace tatara::app
