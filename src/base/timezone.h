// Wall clocks of the world: IANA zones over the system's tzdata (Howard Hinnant's date/tz inside).
// Zones are cheap handles to immutable data; all functions are thread-safe.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "base/posix_zone.h"
#include "base/time.h"

namespace tatara {

// A wall-clock time in some zone, counted as if it were UTC.
using LocalTime = std::chrono::local_time<Duration>;

class TimeZone {
 public:
  TimeZone();  // UTC
  // "America/New_York"; an unknown name is an error that says so.
  static Result<TimeZone> Find(std::string_view name);

  std::string_view name() const;
  LocalTime ToLocal(Time time) const;
  // The instants at which the zone's clocks show `local`: none (clocks went forward over it), one,
  // or two (clocks went back), in order.
  std::vector<Time> ToInstants(LocalTime local) const;
  // The first instant of the local day that holds `time` (its midnight, or where that does not
  // exist the first moment after it), and of the next one.
  Time DayStart(Time time) const;
  Time NextDayStart(Time time) const;

 private:
  const void* zone_;
  // After the last transition that the file lists (2037 for most zones); null: nothing changes.
  std::shared_ptr<const PosixZone> later_;
};

// "2013-05-06" of the local day that holds `time`.
std::string FormatLocalDate(Time time, const TimeZone& zone);

}  // namespace tatara
