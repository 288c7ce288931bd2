// Points in time and spans, as the store and the protocols have them.
//
// `Time` is microseconds since 1970 UTC, without leap seconds. What "now" is, only os::Clock says.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace tatara {

using Duration = std::chrono::microseconds;
using Time = std::chrono::sys_time<Duration>;

inline int64_t ToMicros(Time time) { return time.time_since_epoch().count(); }
inline Time FromMicros(int64_t micros) { return Time(Duration(micros)); }
inline int64_t ToMillis(Time time) {
  return std::chrono::floor<std::chrono::milliseconds>(time).time_since_epoch().count();
}
inline Time FromMillis(int64_t millis) { return Time(std::chrono::milliseconds(millis)); }

// ISO 8601 / RFC 3339: date, or date and time with 'T' or a blank, up to nine decimals (cut to
// microseconds), 'Z', an offset, or nothing (= UTC). Anything after that is an error.
Result<Time> ParseTime(std::string_view text);

// "2026-01-16T00:00:00Z", with decimals only where they are not zero.
std::string FormatTime(Time time);

// "90s", "5m", "6h", "14d", "250ms", "10us", also "1h30m" is not: one whole number above 0 and one
// unit of us ms s m h d.
Result<Duration> ParseDuration(std::string_view text);
// The shortest of the same form: 6h, 90s.
std::string FormatDuration(Duration span);

// "1Gi", "512Mi", "2GB", "1024": bytes.
Result<int64_t> ParseBytes(std::string_view text);

}  // namespace tatara
