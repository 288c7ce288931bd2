// Whether a rule may start now: pure. Private to events.
#pragma once

#include <optional>
#include <string>

#include "base/time.h"
#include "base/timezone.h"
#include "events/spec.h"

namespace tatara::events {

// What asks for a start, and what the rule did before.
struct StartRequest {
  Time cause_time{};
  int hops = 0;
  std::optional<Time> last_start;  // causing event's time of this rule's newest start
  int64_t starts_in_hour = 0, starts_in_day = 0, starts_in_week = 0, starts_in_month = 0;
  int64_t starts_in_minute = 0;  // the last one, for the storm limit
  bool running = false;          // an earlier start of this rule runs
  std::string fault;             // what blocks it, or empty
};

struct StartLimits {
  int hops_max = 0;
  int storm_max = 0;
};

struct Verdict {
  enum class Kind { kStart, kBlocked, kLimited };
  Kind kind = Kind::kStart;
  std::string reason;
};

Verdict Judge(const RuleSpec& rule, const StartRequest& request, const StartLimits& limits);

// The calendar periods of a zone that hold `time`: where they begin.
struct Periods {
  Time hour{}, day{}, week{}, month{};
};
Periods PeriodsOf(Time time, const TimeZone& zone);

}  // namespace tatara::events
