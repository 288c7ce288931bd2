#include "events/judge.h"

namespace tatara::events {

Verdict Judge(const RuleSpec& rule, const StartRequest& request, const StartLimits& limits) {
  using Kind = Verdict::Kind;
  if (request.hops >= limits.hops_max) {
    return {Kind::kLimited, "the chain of causes has " + std::to_string(request.hops) +
                                " steps: rules may start each other"};
  }
  if (request.starts_in_minute >= limits.storm_max) {
    return {Kind::kLimited, std::to_string(request.starts_in_minute) +
                                " starts within a minute: a storm of events"};
  }
  if (rule.limits.forbid_concurrency && request.running) {
    return {Kind::kLimited, "an earlier start of this rule is still running"};
  }
  if (rule.limits.cooldown && request.last_start) {
    const Time until = *request.last_start + *rule.limits.cooldown;
    if (request.cause_time < until) return {Kind::kLimited, "cool-down until " + FormatTime(until)};
  }
  const auto over = [](const std::optional<int64_t>& most, int64_t starts) {
    return most && starts >= *most;
  };
  const auto maximum = [](int64_t starts, const char* period) {
    return Verdict{Kind::kLimited,
                   std::to_string(starts) + " starts in this " + period + ", the most allowed"};
  };
  const RuleLimits& most = rule.limits;
  if (over(most.per_hour, request.starts_in_hour)) return maximum(request.starts_in_hour, "hour");
  if (over(most.per_day, request.starts_in_day)) return maximum(request.starts_in_day, "day");
  if (over(most.per_week, request.starts_in_week)) return maximum(request.starts_in_week, "week");
  if (over(most.per_month, request.starts_in_month)) {
    return maximum(request.starts_in_month, "month");
  }
  if (!request.fault.empty()) return {Kind::kBlocked, request.fault};
  return {};
}

Periods PeriodsOf(Time time, const TimeZone& zone) {
  using std::chrono::days;
  const auto day = std::chrono::floor<days>(zone.ToLocal(time));
  const std::chrono::year_month_day date(day);
  const auto since_monday = std::chrono::weekday(day) - std::chrono::Monday;
  // Noon exists on every day of every zone.
  const auto start_of = [&](std::chrono::local_days local) {
    const auto noon = zone.ToInstants(local + std::chrono::hours(12));
    return zone.DayStart(noon.empty() ? time : noon.front());
  };
  return {std::chrono::floor<std::chrono::hours>(time), zone.DayStart(time),
          start_of(day - since_monday),
          start_of(std::chrono::local_days(date.year() / date.month() / 1))};
}

}  // namespace tatara::events
