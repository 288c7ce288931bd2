// The windows of a monitor: local calendar days (or several), or fixed spans counted from 1970.
// Pure.
#pragma once

#include "base/timezone.h"

namespace tatara::monitor {

struct Window {
  Time start{};
  Time end{};  // exclusive
  bool operator==(const Window&) const = default;
};

// The window that holds `time`. Whole days follow the zone's clocks (a day of a clock change has 23
// or 25 hours); other spans are counted from 1970 UTC.
Window WindowAt(Time time, Duration every, const TimeZone& zone);

}  // namespace tatara::monitor
