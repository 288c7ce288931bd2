#include "project/check.h"

#include <algorithm>

#include "base/strings.h"
#include "base/yaml_fields.h"
#include "registry/registry.h"
#include "sql/sql.h"

namespace tatara::project {
namespace {

// The literal values that a pattern takes for a field, which stands nested or dotted.
std::vector<const Yaml*> ValuesOf(const Yaml& pattern, std::string_view parent,
                                  std::string_view field) {
  const Yaml* list = pattern.Find(std::string(parent) + "." + std::string(field));
  if (const Yaml* map = pattern.Find(parent); list == nullptr && map != nullptr) {
    list = map->Find(field);
  }
  std::vector<const Yaml*> values;
  if (list == nullptr || !list->IsList()) return values;
  for (const Yaml& item : list->items) {
    if (item.IsScalar()) values.push_back(&item);
  }
  return values;
}

// Other sources may have a detail.alarm of their own.
bool ListensToAlarms(const Yaml& pattern) {
  const Yaml* source = pattern.Find("source");
  return source == nullptr || !source->IsList() ||
         std::ranges::any_of(source->items, [](const Yaml& item) {
           return !item.IsScalar() || item.scalar == "tatara.alarm";
         });
}

// One value of a series' dimension, and those that are written.
std::string Unknown(const std::string& what, const std::string& value,
                    const std::vector<std::string>& known) {
  if (std::ranges::find(known, value) != known.end()) return "";
  return what + " '" + value + "'" + DidYouMean(value, known);
}

// Why no point will come of the series that an alarm watches, or "".
std::string WhyUnwritten(const Project& project, const telemetry::AlarmSpec& alarm) {
  std::vector<std::string> metrics = {"requests", "errors", "latency"};
  const auto dimension = std::ranges::find(metrics, alarm.metric) != metrics.end()
                             ? std::optional<std::string>("")
                             : monitor::DimensionOf(alarm.metric);
  for (std::string& name : monitor::SeriesNames()) metrics.push_back(std::move(name));
  if (!dimension) return Unknown("nothing writes the metric", alarm.metric, metrics);
  const auto value = [&](std::string_view name) {
    const auto found = alarm.dimensions.find(std::string(name));
    return found == alarm.dimensions.end() ? "" : found->second;
  };
  const size_t wanted = dimension->empty() ? 1 : 2;
  if (value("endpoint").empty() || (wanted == 2 && value(*dimension).empty()) ||
      alarm.dimensions.size() != wanted) {
    return "the dimensions of " + alarm.metric + " are {endpoint" +
           (wanted == 2 ? ", " + *dimension : "") + "}";
  }
  if (alarm.metric == "model_quality") {
    return Unknown("there is no model_quality of metric", value("metric"),
                   monitor::QualityMetrics());
  }
  if (alarm.metric != "data_fault") return "";
  std::vector<std::string> rules;
  for (const auto& monitor : project.monitors) {
    if (monitor.endpoint != value("endpoint")) continue;
    for (const auto& rule : monitor.expect) rules.push_back(rule.name);
  }
  return Unknown("no monitor of the endpoint has an expect rule", value("rule"), rules);
}

std::string WhyNoEndpoint(const Project& project, const telemetry::AlarmSpec& alarm) {
  const auto found = alarm.dimensions.find("endpoint");
  if (found == alarm.dimensions.end()) return "";
  std::vector<std::string> known;
  for (const auto& endpoint : project.endpoints) known.push_back(endpoint.name);
  for (const auto& monitor : project.monitors) known.push_back(monitor.endpoint);
  return Unknown("this project has no endpoint", found->second, known);
}

}  // namespace

Status CheckAlias(const serving::EndpointSpec& spec, const Yaml& node) {
  const auto uri = TRY(serving::ParseModelUri(spec.model));
  if (uri.alias.empty()) return {};
  const Status fine = registry::CheckAliasName(uri.alias);
  if (fine) return {};
  return std::unexpected(YamlError(*node.Find("model"),
                                   "endpoint '" + spec.name + "': model: " + fine.error().message));
}

std::function<Status(const std::string& query)> SqlChecker() {
  struct State {
    bool tried = false;
    std::unique_ptr<sql::Engine> engine;
  };
  return [state = std::make_shared<State>()](const std::string& query) -> Status {
    if (!state->tried) {
      if (auto engine = sql::Engine::Open({.threads = 1, .sandbox = true})) {
        state->engine = std::move(*engine);
      }
    }
    state->tried = true;
    if (state->engine == nullptr) return {};
    return state->engine->CheckSyntax({.text = query, .parameters = {}, .limits = {}});
  };
}

Status CheckExpect(const monitor::MonitorSpec& spec, const Yaml& node,
                   const ParseOptions& options) {
  if (!options.check_sql) return {};
  for (const monitor::ExpectRule& rule : spec.expect) {
    if (rule.sql.empty()) continue;
    const Status sound = options.check_sql(monitor::QueryOf(rule));
    if (sound) continue;
    // A position would be one in the query around the condition.
    const std::string& message = sound.error().message;
    const size_t begin = message.find("Parser Error: ");
    return std::unexpected(
        YamlError(*node.Find("expect")->Find(rule.name),
                  "monitor '" + spec.name + "': expect rule '" + rule.name +
                      "': " + message.substr(begin == message.npos ? 0 : begin)));
  }
  return {};
}

std::vector<std::string> UnwrittenSeries(const Project& project, const Yaml& alarms,
                                         const std::string& file) {
  std::vector<std::string> warnings;
  for (const auto& alarm : project.alarms) {
    std::string why = WhyNoEndpoint(project, alarm);
    if (why.empty()) why = WhyUnwritten(project, alarm);
    if (why.empty()) continue;
    const Yaml& node = *alarms.Find(alarm.name);
    const Yaml* metric = node.Find("metric");
    Error line = YamlError(metric == nullptr ? node : *metric,
                           "alarm '" + alarm.name + "' will have no data: " + why);
    warnings.push_back(InFile(file, std::move(line)).message);
  }
  return warnings;
}

std::vector<std::string> MissingAlarms(const Project& project, const Yaml& rules,
                                       const std::string& file) {
  std::vector<std::string> known, warnings;
  for (const auto& alarm : project.alarms) known.push_back(alarm.name);
  for (const auto& [key, rule] : rules.entries) {
    const Yaml* when = rule.Find("when");
    if (when == nullptr || !ListensToAlarms(*when)) continue;
    for (const Yaml* name : ValuesOf(*when, "detail", "alarm")) {
      if (std::ranges::find(known, name->scalar) != known.end()) continue;
      Error line = YamlError(*name, "rule '" + key.scalar + "': this project has no alarm '" +
                                        name->scalar + "'" + DidYouMean(name->scalar, known));
      warnings.push_back(InFile(file, std::move(line)).message);
    }
  }
  return warnings;
}

}  // namespace tatara::project
