#include "events/schedule.h"

#include <algorithm>
#include <string>

#include "base/strings.h"

namespace tatara::events {
namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::year_month_day;

constexpr int kYearFirst = 1970, kYearLast = 2199;

// One of the six fields: its name, its numbers, and the words for them.
struct FieldKind {
  std::string_view name;
  int first, last;
  std::string_view words;  // three letters each, for first, first + 1, ...
};
constexpr FieldKind kMinute{"minute", 0, 59, ""};
constexpr FieldKind kHour{"hour", 0, 23, ""};
constexpr FieldKind kDayOfMonth{"day-of-month", 1, 31, ""};
constexpr FieldKind kMonth{"month", 1, 12, "JANFEBMARAPRMAYJUNJULAUGSEPOCTNOVDEC"};
constexpr FieldKind kDayOfWeek{"day-of-week", 1, 7, "SUNMONTUEWEDTHUFRISAT"};
constexpr FieldKind kYear{"year", kYearFirst, kYearLast, ""};

std::unexpected<Error> Bad(const FieldKind& kind, std::string_view text, const std::string& why) {
  return Invalid("cron: " + std::string(kind.name) + " '" + std::string(text) + "': " + why);
}

Result<int> ReadValue(const FieldKind& kind, std::string_view text) {
  if (text.size() == 3 && !kind.words.empty()) {
    for (size_t i = 0; i < kind.words.size(); i += 3) {
      if (EqualsIgnoreCase(kind.words.substr(i, 3), text)) {
        return kind.first + static_cast<int>(i / 3);
      }
    }
  }
  const bool digits = !text.empty() && text.size() <= 4 &&
                      std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
  int64_t value = 0;
  if (!digits || !ParseInt(text, value)) return Bad(kind, text, "it is no value of this field");
  if (value < kind.first || value > kind.last) {
    return Bad(kind, text,
               "want " + std::to_string(kind.first) + " to " + std::to_string(kind.last));
  }
  return static_cast<int>(value);
}

// Marks first, first + step, ...; a range whose end is before its begin goes on from the field's
// first value.
template <size_t N>
void MarkRange(const FieldKind& kind, int from, int to, int step, std::bitset<N>& out) {
  const int span = kind.last - kind.first + 1;
  const int length = to >= from ? to - from : to - from + span;
  for (int i = 0; i <= length; i += step) {
    const int value = kind.first + (from - kind.first + i) % span;
    out.set(static_cast<size_t>(kind.first == kYearFirst ? value - kYearFirst : value));
  }
}

// "5", "1-5", "*", "0/15", "*/2", "1-30/5".
template <size_t N>
Status ReadPart(const FieldKind& kind, std::string_view text, std::bitset<N>& out) {
  int step = 1;
  std::string_view range = text;
  const size_t slash = text.find('/');
  if (slash != std::string_view::npos) {
    if (&kind == &kDayOfWeek) return Bad(kind, text, "'/' is not possible here");
    range = text.substr(0, slash);
    const std::string_view digits = text.substr(slash + 1);
    int64_t number = 0;
    if (digits.empty() || digits.find_first_not_of("0123456789") != std::string_view::npos ||
        !ParseInt(digits, number) || number < 1 || number > kind.last) {
      return Bad(kind, text,
                 "the step must be a whole number from 1 to " + std::to_string(kind.last));
    }
    step = static_cast<int>(number);
  }
  int from = kind.first, to = kind.last;
  const size_t dash = range.find('-');
  if (dash != std::string_view::npos) {
    from = TRY(ReadValue(kind, range.substr(0, dash)));
    to = TRY(ReadValue(kind, range.substr(dash + 1)));
    if (&kind == &kYear && to < from) return Bad(kind, text, "years do not wrap");
  } else if (range != "*") {
    from = TRY(ReadValue(kind, range));
    if (slash == std::string_view::npos) to = from;
  }
  MarkRange(kind, from, to, step, out);
  return {};
}

template <size_t N>
Status ReadField(const FieldKind& kind, const std::string& text, std::bitset<N>& out) {
  for (const std::string& part : Split(text, ',')) TRY(ReadPart(kind, part, out));
  return {};
}

// "L", "LW", "15W".
Result<bool> ReadMonthForm(std::string_view text, Cron& cron) {
  using Kind = Cron::DayForm::Kind;
  if (EqualsIgnoreCase(text, "L")) {
    cron.day_forms.push_back({Kind::kLastDay});
  } else if (EqualsIgnoreCase(text, "LW")) {
    cron.day_forms.push_back({Kind::kLastWeekday});
  } else if (text.ends_with('W') || text.ends_with('w')) {
    const int day = TRY(ReadValue(kDayOfMonth, text.substr(0, text.size() - 1)));
    cron.day_forms.push_back({Kind::kNearestWeekday, day});
  } else {
    return false;
  }
  return true;
}

// "L" (Saturday), "6L", "FRIL", "SAT#3".
Result<bool> ReadWeekForm(std::string_view text, Cron& cron) {
  using Kind = Cron::DayForm::Kind;
  if (EqualsIgnoreCase(text, "L")) {
    cron.days.set(7);
    return true;
  }
  if (const size_t hash = text.find('#'); hash != std::string_view::npos) {
    const int day = TRY(ReadValue(kDayOfWeek, text.substr(0, hash)));
    int64_t nth = 0;
    if (text.size() != hash + 2 || !ParseInt(text.substr(hash + 1), nth) || nth < 1 || nth > 5) {
      return Bad(kDayOfWeek, text, "after '#' comes 1 to 5");
    }
    cron.day_forms.push_back({Kind::kNthOfWeek, day, static_cast<int>(nth)});
    return true;
  }
  if (text.ends_with('L') || text.ends_with('l')) {
    const int day = TRY(ReadValue(kDayOfWeek, text.substr(0, text.size() - 1)));
    cron.day_forms.push_back({Kind::kLastOfWeek, day});
    return true;
  }
  return false;
}

Status ReadDays(const std::string& of_month, const std::string& of_week, Cron& cron) {
  if ((of_month == "?") == (of_week == "?")) {
    return Invalid("cron: one and only one of day-of-month and day-of-week must be '?'");
  }
  cron.by_day_of_week = of_month == "?";
  const FieldKind& kind = cron.by_day_of_week ? kDayOfWeek : kDayOfMonth;
  for (const std::string& part : Split(cron.by_day_of_week ? of_week : of_month, ',')) {
    const bool form =
        cron.by_day_of_week ? TRY(ReadWeekForm(part, cron)) : TRY(ReadMonthForm(part, cron));
    if (!form) TRY(ReadPart(kind, part, cron.days));
  }
  return {};
}

Result<Schedule> ReadCron(std::string_view inside) {
  const std::vector<std::string> fields = Split(inside, ' ');
  if (fields.size() != 6 || std::ranges::find(fields, "") != fields.end()) {
    return Invalid(
        "cron: want six fields with one blank between them: minute hour day-of-month month "
        "day-of-week year");
  }
  Cron cron;
  TRY(ReadField(kMinute, fields[0], cron.minutes));
  TRY(ReadField(kHour, fields[1], cron.hours));
  TRY(ReadField(kMonth, fields[3], cron.months));
  TRY(ReadField(kYear, fields[5], cron.years));
  TRY(ReadDays(fields[2], fields[4], cron));
  return Schedule(std::move(cron));
}

Result<Schedule> ReadRate(std::string_view inside) {
  const auto bad = [&] {
    return Invalid("rate(" + std::string(inside) +
                   "): want a whole number above 0, one blank, and minute, hour or day for 1, "
                   "minutes, hours or days for more");
  };
  const std::vector<std::string> parts = Split(inside, ' ');
  int64_t count = 0;
  if (parts.size() != 2 || parts[0].find_first_not_of("0123456789") != std::string::npos ||
      !ParseInt(parts[0], count) || count < 1) {
    return bad();
  }
  std::string unit = parts[1];
  if (count > 1) {
    if (!unit.ends_with('s')) return bad();
    unit.pop_back();
  }
  Duration one{};
  if (unit == "minute") {
    one = minutes(1);
  } else if (unit == "hour") {
    one = hours(1);
  } else if (unit == "day") {
    one = hours(24);
  } else {
    return bad();
  }
  constexpr int64_t kCountMax = 1'000'000'000;
  if (count > kCountMax) return bad();
  return Schedule(Rate{one * count});
}

// The day of the month (1-31) that a form names in this month, or 0.
int DayOf(const Cron::DayForm& form, int last_day, int first_weekday) {
  using Kind = Cron::DayForm::Kind;
  const auto weekday = [&](int day) {
    return (first_weekday - 1 + day - 1) % 7 + 1;
  };  // 1 = Sunday
  const auto nearest = [&](int day) {
    if (weekday(day) == 7) return day > 1 ? day - 1 : day + 2;
    if (weekday(day) == 1) return day < last_day ? day + 1 : day - 2;
    return day;
  };
  switch (form.kind) {
    case Kind::kLastDay:
      return last_day;
    case Kind::kLastWeekday:
      return nearest(last_day);
    case Kind::kNearestWeekday:
      return form.day <= last_day ? nearest(form.day) : 0;
    case Kind::kLastOfWeek:
      return last_day - (weekday(last_day) - form.day + 7) % 7;
    case Kind::kNthOfWeek: {
      const int day = 1 + (form.day - first_weekday + 7) % 7 + 7 * (form.nth - 1);
      return day <= last_day ? day : 0;
    }
  }
  return 0;
}

std::bitset<32> DaysOfMonth(const Cron& cron, std::chrono::year_month month) {
  const std::chrono::sys_days first = month / 1;
  const int last_day =
      static_cast<int>(static_cast<unsigned>(year_month_day(month / std::chrono::last).day()));
  const int first_weekday = static_cast<int>(std::chrono::weekday(first).c_encoding()) + 1;
  std::bitset<32> out;
  for (int day = 1; day <= last_day; ++day) {
    const int key = cron.by_day_of_week ? (first_weekday - 1 + day - 1) % 7 + 1 : day;
    if (cron.days.test(static_cast<size_t>(key))) out.set(static_cast<size_t>(day));
  }
  for (const Cron::DayForm& form : cron.day_forms) {
    const int day = DayOf(form, last_day, first_weekday);
    if (day > 0) out.set(static_cast<size_t>(day));
  }
  return out;
}

// Walks the wall clock of the zone, and yields the instants after `after`.
class CronWalk {
 public:
  CronWalk(const Cron& cron, Time after, const TimeZone& zone, int n)
      : cron_(cron), after_(after), zone_(zone), wanted_(n) {}

  std::vector<Time> Run() {
    // Two days before: clocks that went back make a local time name a later instant.
    const auto start = year_month_day(std::chrono::floor<days>(zone_.ToLocal(after_)) - days(2));
    std::chrono::year_month month = start.year() / start.month();
    first_day_ = std::chrono::local_days(start);
    if (month.year() < std::chrono::year(kYearFirst)) {
      month = std::chrono::year(kYearFirst) / std::chrono::January;
    }
    const std::chrono::year last(kYearLast);
    while (month.year() <= last && !Done()) {
      const auto year = static_cast<size_t>(static_cast<int>(month.year()) - kYearFirst);
      if (!cron_.years.test(year)) {
        month = (month.year() + std::chrono::years(1)) / std::chrono::January;
        continue;
      }
      if (cron_.months.test(static_cast<unsigned>(month.month()))) Month(month);
      month += std::chrono::months(1);
    }
    return std::move(out_);
  }

 private:
  bool Done() const { return out_.size() >= static_cast<size_t>(wanted_); }

  void Month(std::chrono::year_month month) {
    const std::bitset<32> set = DaysOfMonth(cron_, month);
    for (unsigned day = 1; day <= 31 && !Done(); ++day) {
      if (!set.test(day)) continue;
      const std::chrono::local_days date{year_month_day(month / std::chrono::day(day))};
      if (date >= first_day_) Day(date);
    }
  }

  // In the order of the wall clock, which is that of instants since the first of two is taken.
  void Day(std::chrono::local_days date) {
    for (size_t hour = 0; hour < 24; ++hour) {
      if (!cron_.hours.test(hour)) continue;
      for (size_t minute = 0; minute < 60 && !Done(); ++minute) {
        if (!cron_.minutes.test(minute)) continue;
        const std::vector<Time> instants = zone_.ToInstants(date + hours(hour) + minutes(minute));
        if (!instants.empty() && instants[0] > after_) out_.push_back(instants[0]);
      }
    }
  }

  const Cron& cron_;
  const Time after_;
  const TimeZone& zone_;
  const int wanted_;
  std::chrono::local_days first_day_{};
  std::vector<Time> out_;
};

}  // namespace

Result<Schedule> ParseSchedule(std::string_view text) {
  if (text.ends_with(')')) {
    const std::string_view inside = text.substr(0, text.size() - 1);
    if (inside.starts_with("cron(")) return ReadCron(inside.substr(5));
    if (inside.starts_with("rate(")) return ReadRate(inside.substr(5));
  }
  return Invalid("schedule '" + std::string(text) + "': want cron(...) or rate(...)");
}

std::vector<Time> Next(const Schedule& schedule, Time after, const TimeZone& zone, int n) {
  if (n <= 0) return {};
  if (const Rate* rate = std::get_if<Rate>(&schedule)) {
    constexpr Time kEnd{
        std::chrono::sys_days(std::chrono::year(kYearLast + 1) / std::chrono::January / 1)};
    std::vector<Time> out;
    Time time = std::chrono::floor<std::chrono::seconds>(after);
    for (int i = 0; i < n && kEnd - time > rate->period; ++i) {
      time += rate->period;
      out.push_back(time);
    }
    return out;
  }
  return CronWalk(std::get<Cron>(schedule), after, zone, n).Run();
}

}  // namespace tatara::events
