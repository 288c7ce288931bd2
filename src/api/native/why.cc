#include "api/native/why.h"

#include <cstdio>

#include "base/strings.h"
#include "registry/registry.h"

namespace tatara::api {
namespace {

using events::Event;

std::string Text(const Event& event, std::string_view name) {
  const Json* value = event.detail.Find(name);
  if (value == nullptr || value->IsNull()) return "";
  return value->IsString() ? value->AsString() : value->Dump();
}

std::string Number(const Event& event, std::string_view name) {
  const Json* value = event.detail.Find(name);
  if (value == nullptr || !value->IsNumber()) return "-";
  char buffer[40];
  std::snprintf(buffer, sizeof buffer, "%.4g", value->AsDouble());
  return buffer;
}

std::string Interval(const Event& event) {
  const Json* interval = event.detail.Find("interval");
  if (interval == nullptr || !interval->IsArray() || interval->AsArray().size() != 2) return "";
  char buffer[80];
  std::snprintf(buffer, sizeof buffer, ", difference in [%.3g, %.3g]",
                interval->AsArray()[0].AsDouble(), interval->AsArray()[1].AsDouble());
  return buffer;
}

std::string DescribeGate(const Event& event) {
  std::string text = "gate says " + Text(event, "verdict") + " for " +
                     Text(event, "candidate_model") + ": " + Text(event, "metric") + " " +
                     Number(event, "candidate");
  if (!Text(event, "champion_model").empty()) {
    text += " against " + Number(event, "champion") + " of " + Text(event, "champion_model");
  }
  return text + Interval(event);
}

std::string DescribeAlarm(const Event& event) {
  std::string days;
  if (const Json* window = event.detail.Find("window"); window && window->IsArray()) {
    for (const Json& point : window->AsArray()) {
      const Json* value = point.Find("value");
      if (value == nullptr || !value->IsNumber()) continue;
      char buffer[40];
      std::snprintf(buffer, sizeof buffer, "%.4g", value->AsDouble());
      days += (days.empty() ? "" : ", ") + std::string(buffer);
    }
  }
  return "alarm " + Text(event, "alarm") + " goes to " + Text(event, "state") + " on " +
         FormatTime(event.time).substr(0, 10) + (days.empty() ? "" : " (window: " + days + ")");
}

std::string Params(const Event& event) {
  const Json* params = event.detail.Find("params");
  std::string out;
  if (params == nullptr || !params->IsObject()) return out;
  for (const auto& [name, value] : params->AsObject()) {
    out += (out.empty() ? " with " : ", ") + name + " = " +
           (value.IsString() ? value.AsString() : value.Dump());
  }
  return out;
}

// The newest event that an SQL condition finds.
Result<std::optional<Event>> Newest(db::Reader& reader, const std::string& condition,
                                    db::Params params) {
  auto id =
      TRY(reader.One("SELECT id FROM events WHERE " + condition + " ORDER BY position DESC LIMIT 1",
                     params, [](const db::Row& row) { return EventId(row.Text(0)); }));
  if (!id) return std::nullopt;
  return events::Find(reader, *id);
}

// A version's story begins where it went live; else where its alias was moved, or it was made.
Result<std::optional<Event>> OfVersion(db::Reader& reader, const registry::Version& version) {
  const std::string subject = "models:/" + version.name + "/" + std::to_string(version.version);
  std::optional<Event> first;
  events::EventFilter filter{.source = "tatara.deploy", .newest_first = true};
  for (Event& event : TRY(events::List(reader, filter))) {
    if (event.type == "deployed" && Text(event, "model") == version.name &&
        Text(event, "version") == std::to_string(version.version)) {
      return event;
    }
  }
  return Newest(reader, "subject = ? AND type IN ('alias_set', 'gate_judged', 'version_created')",
                {subject});
}

Result<std::optional<Event>> FindStart(db::Reader& reader, const std::string& thing) {
  if (thing.starts_with("models:/")) {
    const auto resolved = TRY(registry::Resolve(reader, thing));
    if (resolved.version) return OfVersion(reader, *resolved.version);
  }
  if (auto event = TRY(events::Find(reader, EventId(thing)))) return event;
  std::string subject = thing;
  if (thing.size() == 32 && thing.find_first_not_of("0123456789abcdef") == std::string::npos) {
    subject = "runs:/" + thing;
  }
  return Newest(reader, "subject = ?", {subject});
}

}  // namespace

std::string Describe(const Event& event) {
  const std::string& type = event.type;
  if (type == "deployed") {
    return "models:/" + Text(event, "model") + "/" + Text(event, "version") +
           " goes live on endpoint " + Text(event, "endpoint");
  }
  if (type == "alias_set") {
    return "alias " + Text(event, "alias") + " moves to " + event.subject;
  }
  if (type == "gate_judged") return DescribeGate(event);
  if (type == "version_created") {
    return event.subject + " is registered from run " + Text(event, "run_id");
  }
  if (type == "run_started" && event.source == "tatara.pipelines") {
    return "pipeline " + Text(event, "pipeline") + " starts as " + event.subject + Params(event);
  }
  if (type == "rule_started") {
    const std::string run = Text(event, "run");
    return "rule " + Text(event, "rule") +
           (run.empty() ? " tells " + Text(event, "notify") : " starts pipeline " + run) +
           Params(event);
  }
  if (type == "alarm_state_changed") return DescribeAlarm(event);
  if (type == "quality_judged") {
    return "quality of endpoint " + Text(event, "endpoint") + " on " + Text(event, "day") + ": " +
           Text(event, "labelled") + " of " + Text(event, "rows") + " rows with truth, version " +
           Text(event, "model_version");
  }
  if (type == "window_closed") {
    return "a window of endpoint " + Text(event, "endpoint") + " closes with " +
           Text(event, "rows") + " rows";
  }
  if (type == "data_fault") {
    return "data fault on endpoint " + Text(event, "endpoint") + ": rule " + Text(event, "rule") +
           " " + Text(event, "feature");
  }
  std::string text = ReplaceAll(type, "_", " ") + " " + event.subject;
  if (const std::string state = Text(event, "state"); !state.empty()) text += " " + state;
  if (const std::string reason = Text(event, "reason"); !reason.empty()) text += ": " + reason;
  return text;
}

Result<Json> WhyChain(db::Reader& reader, const std::string& thing) {
  if (thing.empty())
    return Invalid("what do you ask about? models:/NAME/VERSION, an alarm, a job, ...");
  std::optional<Event> event = TRY(FindStart(reader, thing));
  if (!event) return NotFound("no event tells of '" + thing + "'");
  Json::Array chain;
  while (event) {
    Json step = events::ToJson(*event);
    step.Set("text", Describe(*event));
    chain.push_back(std::move(step));
    if (event->cause.empty()) break;
    event = TRY(events::Find(reader, event->cause));
  }
  return Json::Of({{"thing", thing}, {"chain", std::move(chain)}});
}

}  // namespace tatara::api
