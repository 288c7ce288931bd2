// Alarms at work: evaluated when a point arrives and at each period's end, on the clock.
//
// Invariants
//  1. A change of state is an event in the same transaction: source tatara.alarm, type
//     alarm_state_changed, subject the alarm, detail {alarm, state, previous, value, dimensions,
//     window: [{time, value}], metric, endpoint?, reason}; cause = the event that brought the
//     point.
//  2. Evaluations happen in order of time, each with the points that had arrived by then.
//  3. Only changes are written. After a restart the evaluations since the stored instant are done
//     again with the same points and the same result.
// Owner: App. Threads: planner on the control thread; Set and the lists in any transaction.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "control/control.h"
#include "db/db.h"
#include "telemetry/alarm.h"

namespace tatara::telemetry {

struct AlarmStatus {
  std::string project;
  AlarmSpec spec;
  AlarmState state = AlarmState::kInsufficientData;
  std::string reason;
  Time since{};
  Json detail;  // of the event that made the state, or null
};
// {name, state, reason, since, metric, dimensions, when, period, datapoints, missing, ...}
Json ToJson(const AlarmStatus& status);

class Alarms : public control::Planner {
 public:
  explicit Alarms(db::Database& database);
  ~Alarms() override;

  // Makes the project's alarms exactly these; an unchanged alarm keeps its state, a changed one
  // begins at INSUFFICIENT_DATA. Call Control::Wake after the commit.
  static Status Set(db::Tx& tx, const std::string& project, const std::vector<AlarmSpec>& specs,
                    Time now);
  static Result<std::vector<AlarmSpec>> Get(db::Reader& reader, const std::string& project);
  static Result<std::vector<AlarmStatus>> List(db::Reader& reader);
  static Result<std::optional<AlarmStatus>> Find(db::Reader& reader, const std::string& name);
  // The same with `detail` as an evaluation at `at` sees it now (its window has moved on since the
  // state changed).
  static Result<std::optional<AlarmStatus>> FindAt(db::Reader& reader, const std::string& name,
                                                   Time at);

  std::string_view name() const override { return "alarms"; }
  void Tick(const control::Moment& moment) override;
  std::optional<Time> NextDue() override;
  // Points stand in the store that no evaluation has seen.
  bool Busy() override;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tatara::telemetry
