#include "features/times.h"

#include <algorithm>
#include <cctype>
#include <limits>

#include "base/time.h"
#include "features/join.h"

namespace tatara::features {
namespace {

constexpr int64_t kDayMicros = 86'400'000'000;
constexpr int64_t kLast = std::numeric_limits<int64_t>::max();
constexpr int64_t kFirst = -kLast;  // above kNoTime

int64_t Scale(int64_t value, int64_t by, int64_t plus = 0) {
  int64_t out = 0;
  if (__builtin_mul_overflow(value, by, &out) || __builtin_add_overflow(out, plus, &out)) {
    return value < 0 ? kFirst : kLast;
  }
  return std::max(out, kFirst);
}

// Nanoseconds after the microsecond: the seventh to ninth decimal.
int64_t NanosBelowMicro(std::string_view text) {
  const size_t point = text.find_first_of(".,");
  if (point == std::string_view::npos) return 0;
  int64_t nanos = 0;
  for (size_t i = 7; i <= 9; ++i) {
    const char c = point + i < text.size() ? text[point + i] : '0';
    const size_t digits = text.find_first_not_of("0123456789", point + 1);
    const bool is_digit = std::isdigit(static_cast<unsigned char>(c)) && point + i < digits;
    nanos = nanos * 10 + (is_digit ? c - '0' : 0);
  }
  return nanos;
}

Result<int64_t> ParseText(const std::string& text, TimeUnit unit, const std::string& what) {
  const auto time = ParseTime(text);
  if (!time) return Invalid(what + ": '" + text + "' is not an ISO 8601 time");
  const int64_t micros = ToMicros(*time);
  return unit == TimeUnit::kMicros ? micros : Scale(micros, 1000, NanosBelowMicro(text));
}

}  // namespace

Result<TimeUnit> UnitOf(const sql::ColumnInfo& column, bool is_csv, const std::string& what) {
  if (is_csv) return TimeUnit::kNanos;
  switch (column.type) {
    case sql::Type::kDate:
    case sql::Type::kTimestamp:
      return TimeUnit::kMicros;
    case sql::Type::kTimestampNanos:
      return TimeUnit::kNanos;
    default:
      return Invalid(what + " is " + column.declared + ", not a date or timestamp");
  }
}

Status ReadTimes(const sql::Column& column, TimeUnit unit, const std::string& what,
                 std::vector<int64_t>& times) {
  const int64_t to_nanos = unit == TimeUnit::kNanos ? 1000 : 1;
  times.assign(column.rows(), kNoTime);
  for (size_t row = 0; row < times.size(); ++row) {
    if (!column.valid[row]) continue;
    switch (column.type) {
      case sql::Type::kDate:
        times[row] = Scale(column.ints[row], kDayMicros * to_nanos);
        break;
      case sql::Type::kTimestamp:
        times[row] = Scale(column.ints[row], to_nanos);
        break;
      case sql::Type::kTimestampNanos:
        times[row] = std::max(column.ints[row], kFirst);
        break;
      default:
        times[row] = TRY(ParseText(column.texts[row], unit, what));
    }
  }
  return {};
}

}  // namespace tatara::features
