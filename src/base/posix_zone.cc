#include "base/posix_zone.h"

#include <algorithm>
#include <charconv>

namespace tatara {
namespace {

using std::chrono::seconds;

// Takes from the head of a text; every function says whether what it wants was there.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : rest_(text) {}

  bool AtEnd() const { return rest_.empty(); }
  bool Take(char c) {
    if (!rest_.starts_with(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }
  bool Number(int& value) {
    const auto read = std::from_chars(rest_.data(), rest_.data() + rest_.size(), value);
    if (read.ec != std::errc() || rest_.starts_with('-')) return false;
    rest_.remove_prefix(static_cast<size_t>(read.ptr - rest_.data()));
    return true;
  }
  // "EST" or "<+0330>"
  bool Name() {
    const bool quoted = Take('<');
    const size_t end = quoted ? rest_.find('>') : rest_.find_first_of("0123456789+-,");
    const size_t size = std::min(end, rest_.size());
    if (size == 0 || (quoted && end == std::string_view::npos)) return false;
    rest_.remove_prefix(size + (quoted ? 1 : 0));
    return true;
  }
  // "[+-]h[h][h][:mm[:ss]]"
  bool Span(seconds& value) {
    const bool negative = Take('-');
    if (!negative) Take('+');
    int hours = 0, minutes = 0, rest = 0;
    if (!Number(hours)) return false;
    if (Take(':') && !Number(minutes)) return false;
    if (Take(':') && !Number(rest)) return false;
    value = seconds(hours * 3600 + minutes * 60 + rest) * (negative ? -1 : 1);
    return true;
  }
  // ",M3.2.0/2", ",J60", ",59"
  bool TakeChange(PosixZone::Change& change) {
    using Kind = PosixZone::Change::Kind;
    if (!Take(',')) return false;
    if (Take('M')) {
      if (!Number(change.month) || !Take('.') || !Number(change.week) || !Take('.') ||
          !Number(change.day) || change.month < 1 || change.month > 12 || change.week < 1 ||
          change.week > 5 || change.day > 6) {
        return false;
      }
    } else {
      change.kind = Take('J') ? Kind::kDayWithoutLeap : Kind::kDay;
      if (!Number(change.day) || change.day > 365) return false;
    }
    return !Take('/') || Span(change.time);
  }

 private:
  std::string_view rest_;
};

}  // namespace

std::optional<PosixZone> PosixZone::Parse(std::string_view footer) {
  Scanner scan(footer);
  PosixZone out;
  seconds west{};
  if (!scan.Name() || !scan.Span(west)) return std::nullopt;
  out.standard_ = -west;
  if (!scan.Name()) return std::nullopt;
  out.daylight_ = out.standard_ + std::chrono::hours(1);
  if (scan.Span(west)) out.daylight_ = -west;
  if (!scan.TakeChange(out.begin_) || !scan.TakeChange(out.end_) || !scan.AtEnd()) {
    return std::nullopt;
  }
  return out;
}

std::chrono::local_seconds PosixZone::Change::In(int year) const {
  namespace ch = std::chrono;
  const ch::year y(year);
  ch::local_days date = ch::local_days(y / ch::January / 1);
  if (kind == Kind::kWeekday) {
    const auto weekday = ch::weekday(static_cast<unsigned>(day));
    const auto in_month = y / ch::month(static_cast<unsigned>(month));
    date = week == 5 ? ch::local_days(in_month / weekday[ch::last])
                     : ch::local_days(in_month / weekday[static_cast<unsigned>(week)]);
  } else {
    const bool after_leap_day = kind == Kind::kDayWithoutLeap && y.is_leap() && day >= 60;
    date += ch::days(kind == Kind::kDay ? day : day - 1 + (after_leap_day ? 1 : 0));
  }
  return date + time;
}

std::chrono::seconds PosixZone::OffsetAt(std::chrono::sys_seconds instant) const {
  const auto days = std::chrono::floor<std::chrono::days>(instant + standard_);
  const int year = static_cast<int>(std::chrono::year_month_day(days).year());
  const auto instant_of = [](std::chrono::local_seconds wall, seconds offset) {
    return std::chrono::sys_seconds(wall.time_since_epoch() - offset);
  };
  const auto begin = instant_of(begin_.In(year), standard_);
  const auto end = instant_of(end_.In(year), daylight_);
  const bool inside =
      begin < end ? (instant >= begin && instant < end) : !(instant >= end && instant < begin);
  return inside ? daylight_ : standard_;
}

}  // namespace tatara
