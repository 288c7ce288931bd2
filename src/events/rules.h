// Rules: when an event matches a pattern, or a schedule is due, start a pipeline or send a notice,
// within limits.
//
// Invariants
//  1. A rule sees each event that was appended after the rule was set once, in order of position.
//  2. Decision, delivery row, rule event and the target's start are one transaction.
//  3. Every decision but "does not match" is an event: source tatara.rule, subject the rule, cause
//     the event that matched; type rule_started, rule_blocked, rule_limited, rule_failed (the start
//     failed), rule_ended, schedule_fired, rule_repeated. detail {rule, delivery, target, reason,
//     params, event}.
//  4. The cool-down counts from the causing event's time and only this rule's starts.
//  5. An event whose hops reach `hops_max` starts nothing; more than `storm_max` starts of one rule
//     within a minute of the clock are refused.
//  6. A schedule that was missed while the server was down fires once, for its last missed time.
// States of a delivery: RUNNING -> SUCCEEDED | FAILED; BLOCKED and LIMITED are born final.
// Owner: App. Threads: planner on the control thread; Set and the lists in any transaction.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "control/control.h"
#include "db/db.h"
#include "events/log.h"
#include "events/spec.h"
#include "events/target.h"

namespace tatara::events {

// What a rule must know of the alarm behind `repeat: while on` and `blocked_by`.
struct AlarmNow {
  bool on = false;  // in ALARM
  Json detail;      // as the alarm's event has it: {alarm, state, previous, value, dimensions, ...}
};

struct RulesOptions {
  Target* run = nullptr;     // starts pipelines
  Target* notify = nullptr;  // Notices
  // The alarm's state and window as of an instant, or nothing when there is no such alarm. Called
  // in the rule's transaction.
  std::function<Result<std::optional<AlarmNow>>(db::Reader&, const std::string& alarm, Time at)>
      alarm;
  int hops_max = 32;
  int storm_max = 1000;
};

// A row of what a rule did, for lists.
struct DeliveryRow {
  std::string id, project, rule, kind, target, state, reason, handle;
  EventId event, cause;
  Json params;
  Time time{};        // of the decision
  Time cause_time{};  // of the causing event
  std::optional<Time> ended;
};
Json ToJson(const DeliveryRow& row);

struct RuleStatus {
  std::string project;
  RuleSpec spec;
  std::optional<Time> next_fire;    // of a schedule
  std::optional<Time> cooled_down;  // when the cool-down ends, if it runs
  std::optional<Time> repeats;      // when `repeat: while on` looks again
  int64_t starts = 0;
};
Json ToJson(const RuleStatus& status);

class Rules : public control::Planner {
 public:
  Rules(db::Database& database, RulesOptions options);
  ~Rules() override;

  // Makes the project's rules exactly these; an unchanged rule keeps its state. A notice that a
  // rule names must be set before: kInvalid otherwise. Call Control::Wake after the commit.
  static Status Set(db::Tx& tx, const std::string& project, const std::vector<RuleSpec>& specs,
                    Time now);
  static Result<std::vector<RuleSpec>> Get(db::Reader& reader, const std::string& project);
  static Result<std::vector<RuleStatus>> List(db::Reader& reader);
  // Newest first; limit 0: all; an empty rule: of all rules.
  static Result<std::vector<DeliveryRow>> Deliveries(db::Reader& reader, const std::string& rule,
                                                     int64_t limit);

  std::string_view name() const override { return "rules"; }
  void Tick(const control::Moment& moment) override;
  std::optional<Time> NextDue() override;
  // Events stand in the log that the rules have not seen.
  bool Busy() override;
  // Who appends does not have to wake us: planners that tick after the rules append as well.
  std::optional<os::Monotonic> NextPoll() override;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tatara::events
