#include "base/time.h"

#include <array>
#include <charconv>
#include <span>

namespace tatara {
namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

// Reads exactly `digits` digits at the front.
bool TakeDigits(std::string_view& text, size_t digits, int& value) {
  if (text.size() < digits) return false;
  value = 0;
  for (size_t i = 0; i < digits; ++i) {
    if (text[i] < '0' || text[i] > '9') return false;
    value = value * 10 + (text[i] - '0');
  }
  text.remove_prefix(digits);
  return true;
}

bool TakeChar(std::string_view& text, char c) {
  if (!text.starts_with(c)) return false;
  text.remove_prefix(1);
  return true;
}

bool TakeOffset(std::string_view& text, minutes& offset) {
  offset = minutes(0);
  if (text.empty() || TakeChar(text, 'Z') || TakeChar(text, 'z')) return true;
  const bool negative = text.starts_with('-');
  if (!TakeChar(text, negative ? '-' : '+')) return false;
  int hour = 0, minute = 0;
  if (!TakeDigits(text, 2, hour)) return false;
  if (!text.empty()) {
    TakeChar(text, ':');
    if (!TakeDigits(text, 2, minute)) return false;
  }
  if (hour > 23 || minute > 59) return false;
  offset = hours(hour) + minutes(minute);
  if (negative) offset = -offset;
  return true;
}

bool TakeClock(std::string_view& text, Duration& of_day) {
  int hour = 0, minute = 0, second = 0;
  if (!TakeDigits(text, 2, hour) || !TakeChar(text, ':') || !TakeDigits(text, 2, minute)) {
    return false;
  }
  if (TakeChar(text, ':') && !TakeDigits(text, 2, second)) return false;
  if (hour > 23 || minute > 59 || second > 60) return false;
  int64_t micros = 0;
  if (TakeChar(text, '.') || TakeChar(text, ',')) {
    size_t count = 0;
    for (; count < text.size() && text[count] >= '0' && text[count] <= '9'; ++count) {
      if (count < 6) micros = micros * 10 + (text[count] - '0');
    }
    if (count == 0 || count > 9) return false;
    for (size_t i = count; i < 6; ++i) micros *= 10;
    text.remove_prefix(count);
  }
  of_day = hours(hour) + minutes(minute) + seconds(second) + Duration(micros);
  return true;
}

struct Unit {
  std::string_view name;
  int64_t size;
};

Result<int64_t> ParseWithUnit(std::string_view text, std::span<const Unit> units,
                              std::string_view what) {
  int64_t number = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  std::string_view unit = text.substr(static_cast<size_t>(end - text.data()));
  if (error == std::errc() && number > 0) {
    for (const Unit& candidate : units) {
      if (candidate.name != unit) continue;
      int64_t product = 0;
      if (__builtin_mul_overflow(number, candidate.size, &product)) break;
      return product;
    }
  }
  std::string known;
  for (const Unit& candidate : units) {
    if (candidate.name.empty()) continue;
    if (!known.empty()) known += ", ";
    known += candidate.name;
  }
  return Invalid("'" + std::string(text) + "' is no " + std::string(what) +
                 ": want a whole number above 0 and one of " + known);
}

constexpr std::array<Unit, 6> kTimeUnits = {{{"us", 1},
                                             {"ms", 1000},
                                             {"s", 1000000},
                                             {"m", 60000000},
                                             {"h", 3600000000},
                                             {"d", 86400000000}}};
constexpr std::array<Unit, 12> kByteUnits = {{{"", 1},
                                              {"B", 1},
                                              {"Ki", 1LL << 10},
                                              {"Mi", 1LL << 20},
                                              {"Gi", 1LL << 30},
                                              {"Ti", 1LL << 40},
                                              {"K", 1000},
                                              {"M", 1000000},
                                              {"G", 1000000000},
                                              {"KB", 1000},
                                              {"MB", 1000000},
                                              {"GB", 1000000000}}};

}  // namespace

Result<Time> ParseTime(std::string_view text) {
  const auto bad = [whole = text] {
    return Invalid("'" + std::string(whole) +
                   "' is no time: want ISO 8601 such as 2013-04-01T08:15:00Z");
  };
  int year = 0, month = 0, day = 0;
  if (!TakeDigits(text, 4, year) || !TakeChar(text, '-') || !TakeDigits(text, 2, month) ||
      !TakeChar(text, '-') || !TakeDigits(text, 2, day)) {
    return bad();
  }
  const std::chrono::year_month_day date{std::chrono::year(year),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok()) return bad();
  Duration of_day{0};
  minutes offset{0};
  if (!text.empty()) {
    if (!TakeChar(text, 'T') && !TakeChar(text, 't') && !TakeChar(text, ' ')) return bad();
    if (!TakeClock(text, of_day) || !TakeOffset(text, offset) || !text.empty()) return bad();
  }
  return Time(std::chrono::sys_days(date)) + of_day - offset;
}

std::string FormatTime(Time time) {
  const auto day = std::chrono::floor<days>(time);
  const std::chrono::year_month_day date(day);
  auto rest = time - Time(day);
  const auto hour = std::chrono::floor<hours>(rest);
  rest -= hour;
  const auto minute = std::chrono::floor<minutes>(rest);
  rest -= minute;
  const auto second = std::chrono::floor<seconds>(rest);
  rest -= second;
  char buffer[64];
  int size = std::snprintf(buffer, sizeof buffer, "%04d-%02u-%02uT%02d:%02d:%02d",
                           static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                           static_cast<unsigned>(date.day()), static_cast<int>(hour.count()),
                           static_cast<int>(minute.count()), static_cast<int>(second.count()));
  std::string out(buffer, static_cast<size_t>(size));
  if (rest.count() != 0) {
    size = std::snprintf(buffer, sizeof buffer, ".%06d", static_cast<int>(rest.count()));
    out.append(buffer, static_cast<size_t>(size));
    while (out.back() == '0') out.pop_back();
  }
  return out + "Z";
}

Result<Duration> ParseDuration(std::string_view text) {
  return Duration(TRY(ParseWithUnit(text, kTimeUnits, "duration")));
}

std::string FormatDuration(Duration span) {
  for (auto unit = kTimeUnits.rbegin(); unit != kTimeUnits.rend(); ++unit) {
    if (span.count() != 0 && span.count() % unit->size == 0) {
      return std::to_string(span.count() / unit->size) + std::string(unit->name);
    }
  }
  return "0s";
}

Result<int64_t> ParseBytes(std::string_view text) {
  return ParseWithUnit(text, kByteUnits, "amount of memory");
}

}  // namespace tatara
