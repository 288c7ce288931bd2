// events, alarms, rules.
#include "base/strings.h"
#include "cli/commands/commands.h"
#include "cli/session.h"

namespace tatara::cli {
namespace {

constexpr std::string_view kSection = "Watch";

std::string TextOf(const Json& json, std::string_view name) {
  const Json* value = json.Find(name);
  if (value == nullptr || value->IsNull()) return "";
  return value->IsString() ? value->AsString() : value->Dump();
}

// The members of a detail as `name=value`, short enough to read down a list; --json has it whole.
std::string Brief(const Json& detail) {
  std::string out;
  if (!detail.IsObject()) return out;
  for (const auto& [name, value] : detail.AsObject()) {
    if (value.IsNull() || value == Json("")) continue;
    out += (out.empty() ? "" : " ") + name + "=";
    const std::string text = value.IsString() ? value.AsString() : value.Dump();
    constexpr size_t kLong = 100;
    if (value.IsArray() && text.size() > kLong) {
      out += "[" + std::to_string(value.AsArray().size()) + " items]";
    } else {
      out += text.size() > kLong && !value.IsString() ? "{...}" : text;
    }
  }
  return out;
}

std::string EventLine(const Json& event) {
  return TextOf(event, "time") + "  " + TextOf(event, "source") + "  " + TextOf(event, "type") +
         "  " + TextOf(event, "subject") + "  " + Brief(*event.Find("detail"));
}

// JSON lines from the server as they come, whole lines at a time.
Result<int> FollowEvents(Context& context, Session& session, const std::string& target) {
  std::string rest;
  const auto show = [&](std::string_view bytes) {
    rest += bytes;
    for (size_t end = rest.find('\n'); end != std::string::npos; end = rest.find('\n')) {
      const std::string line = rest.substr(0, end);
      rest.erase(0, end + 1);
      const auto event = ParseJson(line);
      context.out.Line(context.globals.json || !event ? line : EventLine(*event));
    }
    return true;
  };
  const auto answer = TRY(
      session.Send({.target = target, .timeout = std::chrono::milliseconds(0), .on_body = show}));
  if (answer.status >= 300) return std::unexpected(ErrorOf(answer));
  return 0;
}

Result<int> ListEvents(Context& context) {
  auto session = TRY(Session::Open(context.globals, Access::kRead));
  const Arguments& arguments = context.arguments;
  const bool follow = arguments.Has("--follow");
  if (follow && session->url().empty()) {
    return Unavailable("no server runs on this home, so there is nothing to follow; `tatara up`");
  }
  const auto limit = TRY(arguments.Int("--limit"));
  std::string target = "/api/v1/events?limit=" +
                       std::to_string(limit.value_or(context.globals.json || follow ? 0 : 50));
  for (const char* name : {"source", "subject"}) {
    if (auto value = arguments.Get("--" + std::string(name))) {
      target += "&" + std::string(name) + "=" + PercentEncode(*value);
    }
  }
  if (follow) return FollowEvents(context, *session, target + "&follow=true");
  const Json answer = TRY(session->Get(target));
  if (context.globals.json) {
    context.out.PrintJson(answer);
    return 0;
  }
  for (const Json& event : TRY(answer.GetArray("events"))) context.out.Line(EventLine(event));
  return 0;
}

Result<int> ListAlarms(Context& context) {
  auto session = TRY(Session::Open(context.globals, Access::kRead));
  const Json answer = TRY(session->Get("/api/v1/alarms"));
  if (context.globals.json) {
    context.out.PrintJson(answer);
    return 0;
  }
  std::vector<std::vector<std::string>> rows;
  for (const Json& alarm : TRY(answer.GetArray("alarms"))) {
    rows.push_back({TextOf(alarm, "name"), context.out.State(TextOf(alarm, "state")),
                    TextOf(alarm, "since"), TextOf(alarm, "when"), TextOf(alarm, "datapoints"),
                    TextOf(alarm, "reason")});
  }
  context.out.Table({"alarm", "state", "since", "when", "datapoints", "reason"}, rows,
                    "no alarms; `alarms:` in tatara.yaml makes them");
  return 0;
}

Result<int> ListRules(Context& context) {
  auto session = TRY(Session::Open(context.globals, Access::kRead));
  Json answer = TRY(session->Get("/api/v1/rules"));
  if (context.globals.json) {
    context.out.PrintJson(answer);
    return 0;
  }
  std::vector<std::vector<std::string>> rows;
  for (const Json& rule : TRY(answer.GetArray("rules"))) {
    const std::string run = TextOf(rule, "run");
    rows.push_back({TextOf(rule, "name"),
                    run.empty() ? "notify " + TextOf(rule, "notify") : "run " + run,
                    TextOf(rule, "starts"), TextOf(rule, "next_fire"),
                    TextOf(rule, "cooldown_until"), TextOf(rule, "repeats")});
  }
  context.out.Table({"rule", "does", "starts", "next", "cool-down until", "looks again"}, rows,
                    "no rules; `rules:` in tatara.yaml makes them");
  return 0;
}

Result<int> ListDeliveries(Context& context) {
  auto session = TRY(Session::Open(context.globals, Access::kRead));
  const auto limit = TRY(context.arguments.Int("--limit"));
  std::string target =
      "/api/v1/deliveries?limit=" + std::to_string(limit.value_or(context.globals.json ? 0 : 50));
  if (!context.arguments.positional.empty()) {
    target += "&rule=" + PercentEncode(context.arguments.positional[0]);
  }
  const Json answer = TRY(session->Get(target));
  if (context.globals.json) {
    context.out.PrintJson(answer);
    return 0;
  }
  std::vector<std::vector<std::string>> rows;
  for (const Json& row : TRY(answer.GetArray("deliveries"))) {
    rows.push_back({TextOf(row, "time"), TextOf(row, "rule"),
                    context.out.State(TextOf(row, "state")),
                    TextOf(row, "kind") + " " + TextOf(row, "target"), TextOf(row, "handle"),
                    TextOf(row, "reason")});
  }
  context.out.Table({"time", "rule", "state", "target", "handle", "reason"}, rows,
                    context.arguments.positional.empty()
                        ? "no rule has done anything yet"
                        : "rule '" + context.arguments.positional[0] + "' has done nothing yet");
  return 0;
}

}  // namespace

std::vector<Command> EventCommands() {
  const std::string section(kSection);
  const Option limit{"--limit", "N", "at most so many, the newest"};
  return {
      {.name = "events",
       .summary = "what happened, in order",
       .section = section,
       .options = {{"--follow", "", "go on as events come", "-f"},
                   {"--source", "S", "only of this source, such as tatara.alarm"},
                   {"--subject", "S", "only about this, such as an alarm's name"},
                   limit},
       .examples = "  tatara events -f\n  tatara events --source tatara.rule --json\n",
       .run = ListEvents},
      {.name = "alarms",
       .summary = "alarms and their states",
       .section = section,
       .examples = "  tatara alarms\n",
       .run = ListAlarms},
      {.name = "rules deliveries",
       .usage = "[RULE]",
       .summary = "what rules did, newest first",
       .section = section,
       .options = {limit},
       .examples = "  tatara rules deliveries retrain-on-drift\n",
       .positional_max = 1,
       .run = ListDeliveries},
      {.name = "rules",
       .summary = "rules, when they fire next, and their limits",
       .section = section,
       .examples = "  tatara rules\n",
       .run = ListRules},
  };
}

}  // namespace tatara::cli
