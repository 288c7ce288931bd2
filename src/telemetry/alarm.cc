#include "telemetry/alarm.h"

#include <algorithm>
#include <cmath>

#include "base/strings.h"
#include "base/yaml_fields.h"

namespace tatara::telemetry {
namespace {

template <class Enum>
struct Name {
  std::string_view name;
  Enum value;
};

constexpr Name<Statistic> kStatistics[] = {{"average", Statistic::kAverage},
                                           {"sum", Statistic::kSum},
                                           {"minimum", Statistic::kMinimum},
                                           {"maximum", Statistic::kMaximum},
                                           {"samplecount", Statistic::kSampleCount}};
constexpr Name<Comparison> kComparisons[] = {{">", Comparison::kGreater},
                                             {">=", Comparison::kGreaterOrEqual},
                                             {"<", Comparison::kLess},
                                             {"<=", Comparison::kLessOrEqual}};
constexpr Name<Missing> kMissings[] = {{"missing", Missing::kMissing},
                                       {"ignore", Missing::kIgnore},
                                       {"breaching", Missing::kBreaching},
                                       {"notBreaching", Missing::kNotBreaching}};
constexpr Name<AlarmState> kStates[] = {{"OK", AlarmState::kOk},
                                        {"ALARM", AlarmState::kAlarm},
                                        {"INSUFFICIENT_DATA", AlarmState::kInsufficientData}};

template <class Enum, size_t N>
std::optional<Enum> ByName(const Name<Enum> (&table)[N], std::string_view name) {
  for (const auto& row : table) {
    if (row.name == name) return row.value;
  }
  return std::nullopt;
}

template <class Enum, size_t N>
std::string_view NameOf(const Name<Enum> (&table)[N], Enum value) {
  for (const auto& row : table) {
    if (row.value == value) return row.name;
  }
  return "";
}

template <class Enum, size_t N>
std::string ListOf(const Name<Enum> (&table)[N]) {
  std::string out;
  for (const auto& row : table) out += (out.empty() ? "" : ", ") + std::string(row.name);
  return out;
}

// "average > 11.1", blanks between the parts.
Status ParseWhen(AlarmSpec& spec) {
  std::vector<std::string> parts;
  for (std::string& part : Split(spec.when, ' ')) {
    if (!part.empty()) parts.push_back(std::move(part));
  }
  const auto bad = [&](const std::string& what) {
    return Invalid("'when' is '" + spec.when + "': " + what + "; want such as \"average > 11.1\"");
  };
  if (parts.size() != 3) return bad("it has three parts");
  const auto statistic = ByName(kStatistics, parts[0]);
  if (!statistic) return bad("'" + parts[0] + "' is none of " + ListOf(kStatistics));
  const auto comparison = ByName(kComparisons, parts[1]);
  if (!comparison) return bad("'" + parts[1] + "' is none of " + ListOf(kComparisons));
  if (!ParseDouble(parts[2], spec.threshold) || !std::isfinite(spec.threshold)) {
    return bad("'" + parts[2] + "' is no finite number");
  }
  spec.statistic = *statistic;
  spec.comparison = *comparison;
  return {};
}

// "3 of 4"
Status ParseDatapoints(const std::string& text, AlarmSpec& spec) {
  const std::vector<std::string> parts = Split(text, ' ');
  int64_t m = 0, n = 0;
  constexpr int64_t kPeriodsMax = 10'000;
  if (parts.size() != 3 || parts[1] != "of" || !ParseInt(parts[0], m) || !ParseInt(parts[2], n)) {
    return Invalid("'datapoints' is '" + text + "'; want such as \"3 of 4\"");
  }
  if (m < 1 || n < m || n > kPeriodsMax) {
    return Invalid("'datapoints' is '" + text + "': want M of N with 1 <= M <= N <= 10000");
  }
  spec.datapoints_to_alarm = static_cast<int>(m);
  spec.evaluation_periods = static_cast<int>(n);
  return {};
}

Status ParsePeriod(const std::string& text, AlarmSpec& spec) {
  using std::chrono::minutes;
  using std::chrono::seconds;
  auto period = ParseDuration(text);
  if (!period) return Invalid("'period': " + period.error().message);
  const bool ends_in_unit = !text.ends_with("ms") && !text.ends_with("us");
  const bool short_one = *period == seconds(10) || *period == seconds(20) || *period == seconds(30);
  if (!ends_in_unit || (!short_one && *period % minutes(1) != Duration(0))) {
    return Invalid("'period' is '" + text + "': want 10s, 20s, 30s or whole minutes");
  }
  spec.period = *period;
  return {};
}

void ReadMetric(YamlFields& fields, MetricKey key, AlarmSpec& spec) {
  const Yaml* node =
      key == MetricKey::kRequired ? fields.RequiredNode("metric") : fields.Node("metric");
  if (node == nullptr) return;
  YamlFields metric(*node, "'metric' of alarm '" + spec.name + "'");
  spec.metric = metric.Text("name");
  if (const Yaml* dimensions = metric.Node("dimensions"); dimensions != nullptr) {
    if (!dimensions->IsMap()) metric.Fail(YamlError(*dimensions, "'dimensions' must be a map"));
    for (const auto& [name, value] : dimensions->entries) {
      if (!value.IsScalar()) {
        metric.Fail(YamlError(value, "dimension '" + name.scalar + "' must be a single value"));
      }
      spec.dimensions[name.scalar] = value.scalar;
    }
  }
  if (Status done = metric.Finish(); !done) fields.Fail(done.error());
}

bool Breaches(double value, Comparison comparison, double threshold) {
  switch (comparison) {
    case Comparison::kGreater:
      return value > threshold;
    case Comparison::kGreaterOrEqual:
      return value >= threshold;
    case Comparison::kLess:
      return value < threshold;
    case Comparison::kLessOrEqual:
      return value <= threshold;
  }
  return false;
}

// The number of the period that holds `time`: floor, also before 1970.
int64_t PeriodOf(Duration period, Time time) {
  const int64_t micros = ToMicros(time), span = period.count();
  return micros / span - (micros % span < 0 ? 1 : 0);
}

struct Slot {
  Samples samples;
  Time first = Time::max();
};

// The six rules; `oldest_age` counts from the newest period = 1.
AlarmState Decide(const AlarmSpec& spec, int with_data, int breaching, int oldest_age,
                  AlarmState current) {
  const int m = spec.datapoints_to_alarm, n = spec.evaluation_periods;
  if (with_data == 0) {
    switch (spec.missing) {
      case Missing::kMissing:
        return AlarmState::kInsufficientData;
      case Missing::kIgnore:
        return current;
      case Missing::kBreaching:
        return AlarmState::kAlarm;
      case Missing::kNotBreaching:
        return AlarmState::kOk;
    }
  }
  const auto alarm_if = [](bool on) { return on ? AlarmState::kAlarm : AlarmState::kOk; };
  if (spec.missing == Missing::kBreaching) return alarm_if(breaching + (n - with_data) >= m);
  if (breaching >= m) return AlarmState::kAlarm;
  if (spec.missing == Missing::kNotBreaching || breaching < with_data) return AlarmState::kOk;
  if (spec.missing == Missing::kIgnore) return current;
  return alarm_if(oldest_age >= m);
}

}  // namespace

std::string_view StateName(AlarmState state) { return NameOf(kStates, state); }

Result<AlarmState> ParseState(std::string_view name) {
  if (auto state = ByName(kStates, name)) return *state;
  return Invalid("'" + std::string(name) + "' is no state: want OK, ALARM or INSUFFICIENT_DATA");
}

Result<AlarmSpec> ParseAlarm(const std::string& name, const Yaml& node, MetricKey metric) {
  YamlFields fields(node, "alarm '" + name + "'");
  AlarmSpec spec;
  spec.name = name;
  ReadMetric(fields, metric, spec);
  const auto read = [&](std::string_view key, const std::string& text, auto parse) {
    if (text.empty() && fields.Node(key) == nullptr) return;
    if (Status parsed = parse(text, spec); !parsed) {
      fields.Fail(YamlError(*fields.Node(key), "alarm '" + name + "': " + parsed.error().message));
    }
  };
  spec.when = fields.Text("when");
  read("when", spec.when, [](const std::string&, AlarmSpec& into) { return ParseWhen(into); });
  read("period", fields.Text("period"), ParsePeriod);
  read("datapoints", fields.Text("datapoints"), ParseDatapoints);
  read("missing", fields.TextOr("missing", "missing"),
       [](const std::string& text, AlarmSpec& into) {
         const auto missing = ByName(kMissings, text);
         if (!missing)
           return Status(Invalid("'missing' is '" + text + "': want " + ListOf(kMissings)));
         into.missing = *missing;
         return Status();
       });
  const int n = spec.evaluation_periods;
  const int64_t range = fields.IntOr("range", n + std::max(n / 3, 2));
  constexpr int64_t kRangeMax = 1'000'000;
  if (range < n || range > kRangeMax) {
    const Yaml* given = fields.Node("range");
    fields.Fail(YamlError(given != nullptr ? *given : node,
                          "alarm '" + name + "': 'range' is " + std::to_string(range) +
                              "; want from " + std::to_string(n) + ", the N of 'datapoints', to " +
                              std::to_string(kRangeMax)));
  }
  spec.range = static_cast<int>(range);
  TRY(fields.Finish());
  return spec;
}

Json ToJson(const AlarmSpec& spec) {
  Json out = Json::MakeObject();
  if (!spec.metric.empty()) {
    Json dimensions = Json::MakeObject();
    for (const auto& [name, value] : spec.dimensions) dimensions.Set(name, value);
    out.Set("metric", Json::Of({{"name", spec.metric}, {"dimensions", std::move(dimensions)}}));
  }
  out.Set("when", spec.when);
  out.Set("period", FormatDuration(spec.period));
  out.Set("datapoints", std::to_string(spec.datapoints_to_alarm) + " of " +
                            std::to_string(spec.evaluation_periods));
  out.Set("missing", NameOf(kMissings, spec.missing));
  out.Set("range", spec.range);
  return out;
}

void Samples::Add(const Samples& other) {
  minimum = count == 0 ? other.minimum : std::min(minimum, other.minimum);
  maximum = count == 0 ? other.maximum : std::max(maximum, other.maximum);
  count += other.count;
  sum += other.sum;
}

double StatisticOf(const Samples& samples, Statistic statistic) {
  switch (statistic) {
    case Statistic::kAverage:
      return samples.sum / samples.count;
    case Statistic::kSum:
      return samples.sum;
    case Statistic::kMinimum:
      return samples.minimum;
    case Statistic::kMaximum:
      return samples.maximum;
    case Statistic::kSampleCount:
      return samples.count;
  }
  return 0;
}

Evaluation Evaluate(const AlarmSpec& spec, std::span<const Point> points, Time at,
                    AlarmState current) {
  const int64_t newest = PeriodOf(spec.period, at) - 1;
  std::map<int64_t, Slot> slots;  // by age: 1 is the newest period
  for (const Point& point : points) {
    const int64_t age = newest - PeriodOf(spec.period, point.time) + 1;
    if (age < 1 || age > spec.range || point.arrives > at) continue;
    Slot& slot = slots[age];
    slot.samples.Add(point.samples);
    slot.first = std::min(slot.first, point.time);
  }
  Evaluation out;
  out.picture.assign(static_cast<size_t>(spec.range), '-');
  int breaching = 0, breaching_newest = 0, seen = 0;
  for (const auto& [age, slot] : slots) {
    const double value = StatisticOf(slot.samples, spec.statistic);
    const bool over = Breaches(value, spec.comparison, spec.threshold);
    out.picture[static_cast<size_t>(spec.range - age)] = over ? 'X' : '0';
    breaching += over ? 1 : 0;
    if (seen++ >= spec.evaluation_periods) continue;
    breaching_newest += over ? 1 : 0;
    out.window.push_back({slot.first, value, over});
  }
  std::ranges::reverse(out.window);
  const int with_data = static_cast<int>(slots.size());
  if (with_data >= spec.evaluation_periods) {
    out.state = breaching_newest >= spec.datapoints_to_alarm ? AlarmState::kAlarm : AlarmState::kOk;
  } else {
    const int oldest = slots.empty() ? 0 : static_cast<int>(slots.rbegin()->first);
    out.state = Decide(spec, with_data, breaching, oldest, current);
  }
  out.reason = std::to_string(breaching_newest) + " of the last " +
               std::to_string(out.window.size()) + " periods with data breach " + spec.when +
               " (wanted " + std::to_string(spec.datapoints_to_alarm) + " of " +
               std::to_string(spec.evaluation_periods) + ")";
  return out;
}

Time LastPeriodEnd(Duration period, Time t) {
  return FromMicros(PeriodOf(period, t) * period.count());
}

Time NextPeriodEnd(Duration period, Time t) {
  return FromMicros((PeriodOf(period, t) + 1) * period.count());
}

}  // namespace tatara::telemetry
