#include "monitor/window.h"

namespace tatara::monitor {

Window WindowAt(Time time, Duration every, const TimeZone& zone) {
  constexpr Duration kDay = std::chrono::days(1);
  if (every % kDay != Duration(0)) {
    const auto index = std::chrono::floor<Duration>(time).time_since_epoch().count();
    int64_t start = index / every.count() * every.count();
    if (start > index) start -= every.count();
    return {FromMicros(start), FromMicros(start) + every};
  }
  const int64_t days = every / kDay;
  const auto local_day = std::chrono::floor<std::chrono::days>(zone.ToLocal(time));
  const int64_t number = local_day.time_since_epoch().count();
  int64_t back = number % days;
  if (back < 0) back += days;
  Time start = zone.DayStart(time);
  for (int64_t i = 0; i < back; ++i) start = zone.DayStart(start - Duration(1));
  Time end = start;
  for (int64_t i = 0; i < days; ++i) end = zone.NextDayStart(end);
  return {start, end};
}

}  // namespace tatara::monitor
