// When something happens again and again: EventBridge's rate() and cron() expressions.
//
// Law (design of `tatara schedule next`):
//  - rate(n minute|minutes|hour|hours|day|days): singular exactly for 1; counts from `after`; a day
//    is 24 hours whatever the clocks do.
//  - cron(minute hour day-of-month month day-of-week year): one and only one of the two day fields
//    is `?`; SUN-SAT = 1-7, JAN-DEC = 1-12, years 1970-2199; `, - * / L W #`; ranges wrap.
//  - A wall-clock time that does not exist is skipped; one that comes twice runs at the first.
// Pure and immutable: any thread.
#pragma once

#include <array>
#include <bitset>
#include <cstdint>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "base/timezone.h"

namespace tatara::events {

struct Rate {
  Duration period{};
};

struct Cron {
  // One day rule beside plain numbers: the "L", "LW", "15W", "6L", "SAT#3" forms.
  struct DayForm {
    enum class Kind { kLastDay, kLastWeekday, kNearestWeekday, kLastOfWeek, kNthOfWeek };
    Kind kind = Kind::kLastDay;
    int day = 0;  // day of the month, or of the week (1 = Sunday)
    int nth = 0;
  };
  std::bitset<60> minutes;
  std::bitset<24> hours;
  std::bitset<13> months;       // 1-12
  std::bitset<230> years;       // from 1970
  bool by_day_of_week = false;  // which of the two day fields is not `?`
  std::bitset<32> days;         // of the month 1-31, or of the week 1-7
  std::vector<DayForm> day_forms;
};

using Schedule = std::variant<Rate, Cron>;

Result<Schedule> ParseSchedule(std::string_view text);

// Up to n times strictly after `after`, whole seconds, ascending; fewer when the years run out.
std::vector<Time> Next(const Schedule& schedule, Time after, const TimeZone& zone, int n);

}  // namespace tatara::events
