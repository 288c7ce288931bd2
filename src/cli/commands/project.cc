// plan, apply, monitors, why, doctor.
#include <cstdio>

#include "app/home.h"
#include "base/strings.h"
#include "base/timezone.h"
#include "cli/commands/commands.h"
#include "cli/session.h"
#include "inference/inference.h"
#include "os/os.h"
#include "sql/sql.h"

namespace tatara::cli {
namespace {

Result<Json> ProjectBody(const Context& context) {
  const std::string file = context.arguments.GetOr("--file", "tatara.yaml");
  auto text = os::ReadFile(file, 16 << 20);
  if (!text && text.error().code == Code::kNotFound) {
    return NotFound("no " + file + " here; it says what this project wants (see the README)");
  }
  Json environment = Json::MakeObject();
  for (const auto& [name, value] : os::CurrentEnvironment()) {
    if (IsValidUtf8(name) && IsValidUtf8(value)) environment.AsObject().emplace_back(name, value);
  }
  return Json::Of({{"folder", os::AbsolutePath(os::ParentOf(file))},
                   {"file", file},
                   {"text", TRY(std::move(text))},
                   {"environment", std::move(environment)}});
}

// "threshold: 11.1 -> 10.5" for each member that differs.
std::string Differences(const Json& before, const Json& after) {
  std::string out;
  if (!before.IsObject() || !after.IsObject()) return out;
  for (const auto& [name, value] : after.AsObject()) {
    const Json* old = before.Find(name);
    if (old != nullptr && *old == value) continue;
    out +=
        (out.empty() ? "" : "; ") + name + ": " + (old ? old->Dump() : "-") + " -> " + value.Dump();
  }
  return out;
}

Result<int64_t> PrintChanges(Output& out, const Json& answer) {
  int64_t removals = 0;
  for (const Json& change : TRY(answer.GetArray("changes"))) {
    const std::string action = TRY(change.GetString("action"));
    const std::string what = TRY(change.GetString("kind")) + " " + TRY(change.GetString("name"));
    if (action == "add") {
      out.Line(out.Styled(Style::kGreen, "+ " + what));
    } else if (action == "remove") {
      ++removals;
      out.Line(out.Styled(Style::kRed, "- " + what));
    } else {
      out.Line(out.Styled(Style::kYellow, "~ " + what) + "  " +
               Differences(*change.Find("before"), *change.Find("after")));
    }
  }
  return removals;
}

Status PrintWarnings(Output& out, const Json& answer) {
  for (const std::string& line : TRY(answer.GetStrings("warnings"))) {
    out.Note("tatara: warning: " + line);
  }
  return {};
}

Result<int> Plan(Context& context) {
  const Json body = TRY(ProjectBody(context));
  auto session = TRY(Session::Open(context.globals, Access::kOwn));
  const Json answer = TRY(session->Post("/api/v1/project/plan", body));
  TRY(PrintWarnings(context.out, answer));
  if (context.globals.json) {
    context.out.PrintJson(answer);
  } else if (TRY(answer.GetArray("changes")).empty()) {
    context.out.Line("nothing to change");
  } else {
    TRY(PrintChanges(context.out, answer));
  }
  return 0;
}

bool Confirm(const std::string& question) {
  std::fprintf(stderr, "%s [y/N] ", question.c_str());
  std::fflush(stderr);
  char answer[16] = {};
  return std::fgets(answer, sizeof answer, stdin) != nullptr &&
         (answer[0] == 'y' || answer[0] == 'Y');
}

Result<int> Apply(Context& context) {
  const Json body = TRY(ProjectBody(context));
  auto session = TRY(Session::Open(context.globals, Access::kOwn));
  const Json plan = TRY(session->Post("/api/v1/project/plan", body));
  TRY(PrintWarnings(context.out, plan));
  if (!context.globals.json && !TRY(plan.GetArray("changes")).empty()) {
    const int64_t removals = TRY(PrintChanges(context.out, plan));
    const bool asks =
        removals > 0 && !context.globals.yes && os::IsTerminal(0) && os::IsTerminal(2);
    if (asks && !Confirm("remove " + std::to_string(removals) + "?")) {
      return Cancelled("nothing was changed");
    }
  }
  const Json answer = TRY(session->Post("/api/v1/project/apply", body));
  if (context.globals.json) {
    context.out.PrintJson(answer);
    return 0;
  }
  const size_t count = TRY(answer.GetArray("changes")).size();
  context.out.Line(count == 0 ? "nothing to change"
                              : "applied " + std::to_string(count) +
                                    (count == 1 ? " change" : " changes"));
  return 0;
}

Result<int> ListMonitors(Context& context) {
  auto session = TRY(Session::Open(context.globals, Access::kRead));
  const Json answer = TRY(session->Get("/api/v1/monitors"));
  if (context.globals.json) {
    context.out.PrintJson(answer);
    return 0;
  }
  std::vector<std::vector<std::string>> rows;
  for (const Json& monitor : TRY(answer.GetArray("monitors"))) {
    rows.push_back({TRY(monitor.GetString("name")), TRY(monitor.GetString("endpoint")),
                    TRY(monitor.GetString("every")), TRY(monitor.GetString("timezone")),
                    TRY(monitor.GetString("next_window"))});
  }
  context.out.Table({"monitor", "endpoint", "every", "timezone", "next window"}, rows,
                    "no monitors; monitors: in tatara.yaml makes them");
  return 0;
}

Result<int> Why(Context& context) {
  auto session = TRY(Session::Open(context.globals, Access::kRead));
  const Json answer =
      TRY(session->Get("/api/v1/why?thing=" + PercentEncode(context.arguments.positional[0])));
  if (context.globals.json) {
    context.out.PrintJson(answer);
    return 0;
  }
  bool first = true;
  for (const Json& step : TRY(answer.GetArray("chain"))) {
    const std::string time = TRY(step.GetString("time"));
    context.out.Line((first ? "" : "  because ") +
                     context.out.Styled(Style::kDim, time.substr(0, 16)) + "  " +
                     TRY(step.GetString("text")));
    first = false;
  }
  return 0;
}

struct Finding {
  std::string what;
  bool fine;
  std::string text;  // what is so, or how to mend it
};

std::vector<Finding> Examine(const Globals& globals) {
  std::vector<Finding> findings;
  const std::string home = HomeOf(globals);
  const bool exists = os::Exists(home + "/tatara.db");
  findings.push_back({"home", true, exists ? home : home + " (made by the first `tatara up`)"});
  if (exists) {
    const auto server = app::RunningServer(home);
    findings.push_back({"server", true, server ? server->url : "none runs here; `tatara up`"});
    auto free = os::FreeBytes(home);
    const bool room = free && *free > (1LL << 30);
    findings.push_back({"disk", room,
                        free ? std::to_string(*free >> 20) + " MiB free" +
                                   (room ? "" : ": free some, writes will be refused")
                             : free.error().message});
  }
  const std::string runner = os::JoinPath(os::LibraryFolder(), "tatara-runner");
  findings.push_back({"job runner", os::Exists(runner),
                      os::Exists(runner) ? runner : "missing: " + runner + "; install again"});
  auto engine = sql::Engine::Open();
  findings.push_back({"SQL engine", engine.has_value(),
                      engine ? "DuckDB loads" : engine.error().message + "; install again"});
  const auto probe = inference::Load(os::ExecutablePath());  // no model: only the runtime matters
  const bool runtime = probe || probe.error().code != Code::kUnavailable;
  findings.push_back(
      {"ONNX Runtime", runtime, runtime ? "loads" : probe.error().message + "; install again"});
  auto zone = TimeZone::Find("America/New_York");
  findings.push_back(
      {"time zones", zone.has_value(), zone ? "tzdata is there" : "install the package tzdata"});
  return findings;
}

// What the running server says about its endpoints' captured rows.
Status ExamineCapture(const Globals& globals, std::vector<Finding>& findings) {
  auto session = TRY(Session::Open(globals, Access::kRead));
  const Json answer = TRY(session->Get("/api/v1/endpoints"));
  for (const Json& endpoint : TRY(answer.GetArray("endpoints"))) {
    const std::string failure = TRY(endpoint.GetString("capture_failure"));
    const int64_t lost = TRY(endpoint.GetInt("capture_lost_rows"));
    if (failure.empty() && lost == 0) continue;
    std::string text = failure.empty() ? "is written again" : failure + "; predictions go on";
    if (lost > 0) text += "; " + std::to_string(lost) + " rows were lost";
    findings.push_back({"capture of " + TRY(endpoint.GetString("name")), failure.empty(), text});
  }
  return {};
}

Result<int> Doctor(Context& context) {
  if (!context.arguments.positional.empty() && context.arguments.positional[0] != "process") {
    return Unsupported("engine '" + context.arguments.positional[0] + "' is not in this version");
  }
  bool fine = true;
  Json::Array list;
  std::vector<Finding> findings = Examine(context.globals);
  if (os::Exists(HomeOf(context.globals) + "/tatara.db")) {
    if (Status asked = ExamineCapture(context.globals, findings); !asked) {
      findings.push_back({"endpoints", false, asked.error().message});
    }
  }
  for (const Finding& finding : findings) {
    fine = fine && finding.fine;
    list.push_back(
        Json::Of({{"what", finding.what}, {"ok", finding.fine}, {"text", finding.text}}));
    if (context.globals.json) continue;
    context.out.Line(context.out.Styled(finding.fine ? Style::kGreen : Style::kRed,
                                        finding.fine ? "ok    " : "wrong ") +
                     finding.what + ": " + finding.text);
  }
  if (context.globals.json) {
    context.out.PrintJson(Json::Of({{"ok", fine}, {"findings", std::move(list)}}));
  }
  return fine ? 0 : 1;
}

}  // namespace

std::vector<Command> ProjectCommands() {
  const std::vector<Option> file = {{"--file", "FILE", "instead of tatara.yaml", "-f"}};
  return {
      {.name = "plan",
       .summary = "what `tatara apply` would change",
       .section = "Project",
       .options = file,
       .examples = "  tatara plan\n",
       .run = Plan},
      {.name = "apply",
       .summary = "make it so: queues, features, endpoints, monitors, alarms, rules, notices",
       .section = "Project",
       .options = file,
       .details =
           "What an earlier apply of this project made and the file no longer holds is removed;\n"
           "on a terminal you are asked first (--yes: not).",
       .examples = "  tatara apply\n  tatara apply -f staging.yaml --yes\n",
       .run = Apply},
      {.name = "monitors",
       .summary = "monitors and their next windows",
       .section = "Watch",
       .examples = "  tatara monitors\n",
       .run = ListMonitors},
      {.name = "why",
       .usage = "THING",
       .summary = "walk back the chain of causes of a model version, alarm, job, run or event",
       .section = "Watch",
       .examples = "  tatara why models:/delay/3\n",
       .positional_min = 1,
       .positional_max = 1,
       .run = Why},
      {.name = "doctor",
       .usage = "[ENGINE]",
       .summary = "what is wrong here, and how to mend it",
       .section = "Server",
       .examples = "  tatara doctor\n",
       .positional_max = 1,
       .run = Doctor},
  };
}

}  // namespace tatara::cli
