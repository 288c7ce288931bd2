// What endpoints did, as series and for Prometheus.
//
// Each endpoint writes the series requests, errors and latency (seconds, the mean of the period),
// one point for each period in which it was asked: a minute on real time, a day on replay (where
// each period's end is a stop of the clock). Threads: the planner on the control thread; Refresh
// from any.
#pragma once

#include <map>
#include <string>

#include "control/control.h"
#include "db/db.h"
#include "serving/serving.h"
#include "telemetry/telemetry.h"

namespace tatara::app {

class EndpointMeter : public control::Planner {
 public:
  EndpointMeter(db::Database& database, serving::Serving& serving, telemetry::Metrics& metrics,
                Time now, bool replay);

  // Brings the metrics up to what the endpoints count; before they are shown.
  void Refresh();

  std::string_view name() const override { return "meter"; }
  void Tick(const control::Moment& moment) override;
  std::optional<Time> NextDue() override { return next_; }
  bool Busy() override { return false; }

 private:
  struct Counts {
    int64_t requests = 0, errors = 0, latency_nanos = 0;
  };
  Status Write(Time period, Time now);

  db::Database& database_;
  serving::Serving& serving_;
  telemetry::Metrics& metrics_;
  const Duration period_;
  Time next_;  // the end of the present period
  std::map<std::string, Counts> seen_;
};

}  // namespace tatara::app
