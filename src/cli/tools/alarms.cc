// alarms test: in which state would this alarm have been?
#include <algorithm>
#include <cmath>

#include "base/strings.h"
#include "cli/commands/commands.h"
#include "cli/tools/batch.h"
#include "os/files.h"
#include "telemetry/telemetry.h"

namespace tatara::cli {
namespace {

using telemetry::AlarmSpec;
using telemetry::AlarmState;
using telemetry::Evaluation;
using telemetry::Point;

// ISO 8601 text, or epoch seconds.
Result<Time> TimeOf(const std::string& text) {
  double seconds = 0;
  if (!ParseDouble(text, seconds)) return ParseTime(text);
  constexpr double kSecondsMax = 1e11;
  if (!(std::fabs(seconds) < kSecondsMax)) return Invalid("time '" + text + "' is out of range");
  return FromMicros(std::llround(seconds * 1e6));
}

Result<Time> TimeOf(const Json& value, const std::string& where) {
  if (!value.IsNumber() && !value.IsString()) {
    return Invalid(where + " must be epoch seconds or an ISO 8601 text");
  }
  auto time = TimeOf(value.IsString() ? value.AsString() : value.Dump());
  if (!time) return std::unexpected(Prefixed(where, time.error()));
  return time;
}

// An alarm over points that are sorted by time, from one evaluation to the next.
class Playback {
 public:
  Playback(AlarmSpec spec, std::vector<Point> points, AlarmState initial)
      : spec_(std::move(spec)), points_(std::move(points)), state_(initial) {
    std::ranges::stable_sort(points_, {}, &Point::time);
  }

  Evaluation At(Time at) {
    const Time to = telemetry::LastPeriodEnd(spec_.period, at);
    const Time from = to - spec_.period * spec_.range;
    const auto begin = std::ranges::lower_bound(points_, from, {}, &Point::time);
    const auto end = std::ranges::lower_bound(points_, to, {}, &Point::time);
    Evaluation found = telemetry::Evaluate(spec_, {begin, end}, at, state_);
    state_ = found.state;
    return found;
  }

  const AlarmSpec& spec() const { return spec_; }
  const std::vector<Point>& points() const { return points_; }

 private:
  AlarmSpec spec_;
  std::vector<Point> points_;
  AlarmState state_;
};

Result<std::vector<Point>> PointsOf(const Json& line) {
  std::vector<Point> out;
  const Json* list = line.Find("points");
  if (list == nullptr || !list->IsArray()) return Invalid("'points' must be a list");
  for (size_t i = 0; i < list->AsArray().size(); ++i) {
    const Json& item = list->AsArray()[i];
    const std::string where = "points[" + std::to_string(i) + "]";
    TRY(CheckKeys(item, where, {"time", "value", "arrives"}));
    const Json *time = item.Find("time"), *value = item.Find("value");
    const Json* arrives = item.Find("arrives");
    if (time == nullptr) return Invalid(where + " needs 'time'");
    if (value == nullptr || !value->IsNumber() || !std::isfinite(value->AsDouble())) {
      return Invalid(where + " needs 'value', a number");
    }
    Point point;
    point.time = TRY(TimeOf(*time, where + ".time"));
    point.samples = telemetry::Samples::Of(value->AsDouble());
    point.arrives = point.time;
    if (arrives != nullptr && !arrives->IsNull()) {
      point.arrives = TRY(TimeOf(*arrives, where + ".arrives"));
    }
    out.push_back(point);
  }
  return out;
}

Result<Json> AlarmLine(const Json& line) {
  TRY(CheckKeys(line, "the line", {"alarm", "initial", "points", "evaluate_at"}));
  const Json* alarm = line.Find("alarm");
  if (alarm == nullptr || !alarm->IsObject()) return Invalid("'alarm' must be an object");
  AlarmSpec spec =
      TRY(telemetry::ParseAlarm("alarm", JsonToYaml(*alarm), telemetry::MetricKey::kOptional));
  const std::string initial = TRY(line.GetStringOr("initial", "INSUFFICIENT_DATA"));
  const AlarmState state = TRY(telemetry::ParseState(initial));
  Playback playback(std::move(spec), TRY(PointsOf(line)), state);
  const Json* instants = line.Find("evaluate_at");
  if (instants == nullptr || !instants->IsArray()) return Invalid("'evaluate_at' must be a list");
  Json::Array states;
  Time before = Time::min();
  for (const Json& instant : instants->AsArray()) {
    const Time at = TRY(TimeOf(instant, "'evaluate_at'"));
    if (at < before) return Invalid("'evaluate_at' must ascend");
    before = at;
    states.emplace_back(telemetry::StateName(playback.At(at).state));
  }
  return Json::Of({{"states", std::move(states)}});
}

// The entry itself, or {name: entry}.
Result<AlarmSpec> SpecOf(const std::string& path) {
  auto yaml = ParseYaml(TRY(os::ReadFile(path)));
  if (!yaml) return std::unexpected(Prefixed(path, yaml.error()));
  const Yaml* entry = &*yaml;
  std::string name = "alarm";
  if (entry->IsMap() && entry->entries.size() == 1 && entry->entries[0].second.IsMap() &&
      entry->entries[0].first.scalar != "metric") {
    name = entry->entries[0].first.scalar;
    entry = &yaml->entries[0].second;
  }
  auto spec = telemetry::ParseAlarm(name, *entry, telemetry::MetricKey::kOptional);
  if (!spec) return std::unexpected(Prefixed(path, spec.error()));
  return spec;
}

std::vector<std::string> CellsOf(const std::string& line) {
  std::vector<std::string> cells = Split(line, ',');
  for (std::string& cell : cells) {
    cell = Trim(cell);
    if (cell.size() >= 2 && cell.front() == '"' && cell.back() == '"') {
      cell = cell.substr(1, cell.size() - 2);
    }
  }
  return cells;
}

Result<Point> PointOf(const std::vector<std::string>& cells, size_t columns) {
  if (cells.size() != columns) {
    return Invalid("want " + std::to_string(columns) + " columns, not " +
                   std::to_string(cells.size()));
  }
  Point point;
  point.time = TRY(TimeOf(cells[0]));
  double value = 0;
  if (!ParseDouble(cells[1], value) || !std::isfinite(value)) {
    return Invalid("value '" + cells[1] + "' is no finite number");
  }
  point.samples = telemetry::Samples::Of(value);
  point.arrives = columns < 3 || cells[2].empty() ? point.time : TRY(TimeOf(cells[2]));
  return point;
}

Result<std::vector<Point>> ReadCsv(const std::string& path) {
  const std::string text = TRY(os::ReadFile(path));
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  const size_t begin = text.starts_with(kByteOrderMark) ? kByteOrderMark.size() : 0;
  const std::vector<std::string> lines = Split(text.substr(begin), '\n');
  const std::vector<std::string> header = CellsOf(lines[0]);
  const bool with_arrives = header == std::vector<std::string>{"time", "value", "arrives"};
  if (!with_arrives && header != std::vector<std::string>{"time", "value"}) {
    return Invalid(path + ":1: the header must be time,value or time,value,arrives");
  }
  std::vector<Point> out;
  for (size_t i = 1; i < lines.size(); ++i) {
    if (Trim(lines[i]).empty()) continue;
    auto point = PointOf(CellsOf(lines[i]), header.size());
    if (!point) {
      return std::unexpected(Prefixed(path + ":" + std::to_string(i + 1), point.error()));
    }
    out.push_back(*point);
  }
  if (out.empty()) return Invalid(path + " has no data point");
  return out;
}

Result<int> TestAlarm(Context& context) {
  const Arguments& arguments = context.arguments;
  if (const auto batch = arguments.Get("--batch")) return RunBatch(context, *batch, AlarmLine);
  const auto data = arguments.Get("--data");
  if (arguments.positional.size() != 1 || !data) {
    return Invalid("want ALARM.yaml and --data FILE, or --batch FILE");
  }
  AlarmSpec spec = TRY(SpecOf(arguments.positional[0]));
  const AlarmState initial =
      TRY(telemetry::ParseState(arguments.GetOr("--initial", "INSUFFICIENT_DATA")));
  Playback playback(std::move(spec), TRY(ReadCsv(*data)), initial);
  const Duration period = playback.spec().period;
  const Time last =
      playback.points().back().time + period * (playback.spec().evaluation_periods + 1);
  constexpr int64_t kEvaluationsMax = 10'000'000;
  if ((last - playback.points().front().time) / period > kEvaluationsMax) {
    return Exhausted("the data span more than " + std::to_string(kEvaluationsMax) + " periods");
  }
  Json::Array evaluations;
  for (Time at = telemetry::NextPeriodEnd(period, playback.points().front().time); at <= last;
       at += period) {
    const Evaluation found = playback.At(at);
    const std::string state(telemetry::StateName(found.state));
    if (context.globals.json) {
      evaluations.push_back(
          Json::Of({{"time", FormatTime(at)}, {"window", found.picture}, {"state", state}}));
    } else {
      context.out.Line(FormatTime(at) + "  " + found.picture + "  " + context.out.State(state));
    }
  }
  if (context.globals.json) {
    context.out.PrintJson(Json::Of({{"evaluations", std::move(evaluations)}}));
  }
  return 0;
}

}  // namespace

std::vector<Command> AlarmTools() {
  return {
      {.name = "alarms test",
       .usage = "ALARM.yaml",
       .summary = "the states of an alarm over given points (needs no server)",
       .section = "Tools that work alone",
       .options = {{"--data", "FILE", "CSV with the header time,value[,arrives]"},
                   {"--initial", "STATE", "the state before (default INSUFFICIENT_DATA)"},
                   {"--batch", "FILE",
                    "JSON lines {\"alarm\", \"initial\", \"points\", \"evaluate_at\"}; - = "
                    "standard input"}},
       .details = "ALARM.yaml is one entry as under `alarms:` in tatara.yaml; `metric` may be "
                  "missing. A line for each\nperiod's end: time, the periods looked at (0 fine, X "
                  "breaching, - no data), state.\n",
       .examples = "  tatara alarms test alarm.yaml --data points.csv\n",
       .positional_max = 1,
       .run = TestAlarm},
  };
}

}  // namespace tatara::cli
