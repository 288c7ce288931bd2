// Alarms with CloudWatch's M-of-N and missing-data semantics: the pure part.
//
// Law (design of `tatara alarms test`; reproduces the documented tables of CloudWatch's guide):
// period k holds points with k*p <= time < (k+1)*p. An evaluation at t looks at the last `range`
// periods that have ended by t, with the points that have arrived by t. See Evaluate.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/time.h"
#include "base/yaml.h"

namespace tatara::telemetry {

using Dimensions = std::map<std::string, std::string>;

enum class Statistic { kAverage, kSum, kMinimum, kMaximum, kSampleCount };
enum class Comparison { kGreater, kGreaterOrEqual, kLess, kLessOrEqual };
enum class Missing { kMissing, kIgnore, kBreaching, kNotBreaching };
enum class AlarmState { kOk, kAlarm, kInsufficientData };

std::string_view StateName(AlarmState state);  // "OK", "ALARM", "INSUFFICIENT_DATA"
Result<AlarmState> ParseState(std::string_view name);

struct AlarmSpec {
  std::string name;
  std::string metric;  // empty only where `metric` may be missing
  Dimensions dimensions;
  std::string when;  // as it stood: "average > 11.1"
  Statistic statistic = Statistic::kAverage;
  Comparison comparison = Comparison::kGreater;
  double threshold = 0;
  Duration period{};
  int datapoints_to_alarm = 1;  // M
  int evaluation_periods = 1;   // N
  Missing missing = Missing::kMissing;
  int range = 0;  // how many periods back are looked at, >= N
};

enum class MetricKey { kRequired, kOptional };
// One entry of `alarms:`. Errors begin with "line N:"; unknown keys name the nearest one.
Result<AlarmSpec> ParseAlarm(const std::string& name, const Yaml& node,
                             MetricKey metric = MetricKey::kRequired);
Json ToJson(const AlarmSpec& spec);  // the canonical entry: ParseAlarm reads it back

// One period with data, or several samples in one row of the store.
struct Samples {
  double count = 0, sum = 0, minimum = 0, maximum = 0;
  void Add(const Samples& other);
  static Samples Of(double value) { return {1, value, value, value}; }
};
double StatisticOf(const Samples& samples, Statistic statistic);

struct Point {
  Time time{};
  Samples samples;
  Time arrives{};
};

struct Evaluation {
  AlarmState state = AlarmState::kInsufficientData;
  std::string picture;  // the range, oldest first: '0' fine, 'X' breaching, '-' no data
  struct Datapoint {
    Time time{};  // of the period's earliest point
    double value = 0;
    bool breaching = false;
  };
  std::vector<Datapoint> window;  // the newest N periods with data, oldest first
  std::string reason;
};

// Points in any order; those outside the range or not arrived by `at` do not count.
Evaluation Evaluate(const AlarmSpec& spec, std::span<const Point> points, Time at,
                    AlarmState current);

// The end of the last period that has ended by t, and the end of the one that runs at t.
Time LastPeriodEnd(Duration period, Time t);
Time NextPeriodEnd(Duration period, Time t);

}  // namespace tatara::telemetry
