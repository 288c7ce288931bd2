// submit, jobs, jobs show, jobs why, logs, cancel.
#include "app/app.h"
#include "base/strings.h"
#include "cli/commands/commands.h"
#include "cli/session.h"
#include "os/os.h"

namespace tatara::cli {
namespace {

constexpr std::string_view kSection = "Jobs";

bool IsFinal(std::string_view state) {
  return state == "SUCCEEDED" || state == "FAILED" || state == "CANCELLED" || state == "LOST";
}

Result<Json> SubmitBody(const Arguments& arguments) {
  for (const char* option : {"--gpus", "--image", "--array"}) {
    if (arguments.Has(option)) return Unsupported(std::string(option) + " is not in this version");
  }
  if (arguments.rest.empty()) {
    return Invalid("what shall run? usage: tatara submit [options] -- CMD...");
  }
  Json::Array command, after;
  for (const std::string& word : arguments.rest) command.emplace_back(word);
  for (const std::string& job : arguments.All("--after")) {
    for (const std::string& id : Split(job, ',')) after.emplace_back(id);
  }
  Json environment = Json::MakeObject();
  for (const auto& [name, value] : os::CurrentEnvironment()) {
    if (IsValidUtf8(name) && IsValidUtf8(value)) environment.AsObject().emplace_back(name, value);
  }
  Json body = Json::Of({{"command", std::move(command)},
                        {"after", std::move(after)},
                        {"folder", os::WorkingFolder()},
                        {"environment", std::move(environment)}});
  for (const char* option : {"name", "queue", "memory", "timeout"}) {
    if (auto value = arguments.Get("--" + std::string(option))) body.Set(option, *value);
  }
  for (const char* option : {"priority", "retries"}) {
    if (auto value = TRY(arguments.Int("--" + std::string(option)))) body.Set(option, *value);
  }
  if (auto cpus = TRY(arguments.Double("--cpus"))) body.Set("cpus", *cpus);
  return body;
}

// Streams a job's output until it has ended; Ctrl-C cancels the job when `cancels`.
Result<int> Follow(Context& context, Session& session, const std::string& id) {
  TRY(session.Send({.target = "/api/v1/jobs/" + id + "/logs?follow=true",
                    .timeout = std::chrono::milliseconds(0),
                    .on_body = [&](std::string_view bytes) {
                      context.out.Print(bytes);
                      return true;
                    }}));
  const Json job = TRY(session.Get("/api/v1/jobs/" + id));
  const std::string state = TRY(job.GetString("state"));
  if (state == "SUCCEEDED") return 0;
  context.out.Note("job " + id + " " + context.out.State(state) + ": " +
                   TRY(job.GetString("reason")));
  return 1;
}

Result<int> Submit(Context& context) {
  const Json body = TRY(SubmitBody(context.arguments));
  auto session = TRY(Session::Open(context.globals, Access::kOwn));
  const Json answer = TRY(session->Post("/api/v1/jobs", body));
  const std::string id = TRY(answer.GetString("id"));
  const bool wait = context.arguments.Has("--wait");
  if (session->owned() != nullptr) {
    if (wait)
      session->owned()->AllowJob(id);
    else
      context.out.Note("no server runs here: the job starts with the next `tatara up`");
  }
  if (context.globals.json)
    context.out.Line(Json::Of({{"id", id}}).Dump());
  else if (!wait)
    context.out.Line(id);
  return wait ? Follow(context, *session, id) : Result<int>(0);
}

std::string Age(const Json& job) {
  const Json* attempts = job.Find("attempts");
  if (attempts == nullptr || attempts->AsArray().empty()) return "";
  const Json& last = attempts->AsArray().back();
  const Json* cpu = last.Find("cpu_seconds");
  return cpu != nullptr && cpu->IsNumber() ? ShortSpan(cpu->AsDouble()) : "";
}

Result<int> ListJobs(Context& context) {
  auto session = TRY(Session::Open(context.globals, Access::kRead));
  const auto limit = TRY(context.arguments.Int("--limit"));
  std::string target =
      "/api/v1/jobs?limit=" + std::to_string(limit.value_or(context.globals.json ? 0 : 50));
  if (context.arguments.Has("--unfinished")) target += "&unfinished=true";
  const Json answer = TRY(session->Get(target));
  if (context.globals.json) {
    context.out.PrintJson(answer);
    return 0;
  }
  std::vector<std::vector<std::string>> rows;
  for (const Json& job : TRY(answer.GetArray("jobs"))) {
    const Json* code = job.Find("exit_code");
    rows.push_back({TRY(job.GetString("id")), TRY(job.GetString("name")),
                    context.out.State(TRY(job.GetString("state"))),
                    code->IsInt() ? std::to_string(code->AsInt()) : "", Age(job),
                    TRY(job.GetString("submitted")), TRY(job.GetString("reason"))});
  }
  context.out.Table({"id", "name", "state", "exit", "cpu", "submitted", "reason"}, rows,
                    "no jobs yet; `tatara submit -- CMD` makes one");
  return 0;
}

Result<int> ShowJob(Context& context) {
  auto session = TRY(Session::Open(context.globals, Access::kRead));
  const Json job =
      TRY(session->Get("/api/v1/jobs/" + PercentEncode(context.arguments.positional[0])));
  if (context.globals.json) {
    context.out.PrintJson(job);
    return 0;
  }
  const auto command = TRY(job.GetStrings("command"));
  context.out.Line("job       " + TRY(job.GetString("id")) + "  " + TRY(job.GetString("name")));
  context.out.Line("state     " + context.out.State(TRY(job.GetString("state"))) + "  " +
                   TRY(job.GetString("reason")));
  context.out.Line("command   " + Join(command, " "));
  context.out.Line("queue     " + TRY(job.GetString("queue")));
  std::vector<std::vector<std::string>> rows;
  for (const Json& attempt : TRY(job.GetArray("attempts"))) {
    const auto text = [&](std::string_view name) {
      const Json* value = attempt.Find(name);
      return value->IsNull() ? "" : value->IsString() ? value->AsString() : value->Dump();
    };
    rows.push_back({text("number"), context.out.State(text("state")), text("exit_code"),
                    text("started"), text("ended"), text("cpu_seconds"), text("reason")});
  }
  context.out.Table({"attempt", "state", "exit", "started", "ended", "cpu s", "reason"}, rows,
                    "no attempt has been started");
  return 0;
}

Result<int> WhyJob(Context& context) {
  auto session = TRY(Session::Open(context.globals, Access::kRead));
  const Json job =
      TRY(session->Get("/api/v1/jobs/" + PercentEncode(context.arguments.positional[0])));
  const std::string state = TRY(job.GetString("state"));
  const std::string why =
      IsFinal(state) ? TRY(job.GetString("reason")) : TRY(job.GetStringOr("why", ""));
  if (context.globals.json) {
    context.out.PrintJson(
        Json::Of({{"id", TRY(job.GetString("id"))}, {"state", state}, {"why", why}}));
  } else {
    context.out.Line(context.out.State(state) + (why.empty() ? "" : ": " + why));
  }
  return 0;
}

Result<int> Logs(Context& context) {
  auto session = TRY(Session::Open(context.globals, Access::kRead));
  const std::string id = PercentEncode(context.arguments.positional[0]);
  const bool follow = context.arguments.Has("--follow");
  const auto answer =
      TRY(session->Send({.target = "/api/v1/jobs/" + id + "/logs" + (follow ? "?follow=true" : ""),
                         .timeout = std::chrono::milliseconds(0),
                         .on_body = [&](std::string_view bytes) {
                           context.out.Print(bytes);
                           return true;
                         }}));
  if (answer.status >= 300) return std::unexpected(ErrorOf(answer));
  return 0;
}

Result<int> CancelJob(Context& context) {
  auto session = TRY(Session::Open(context.globals, Access::kOwn));
  for (const std::string& id : context.arguments.positional) {
    const bool run = id.starts_with("p-");  // a pipeline run, which cancels its jobs
    TRY(session->Post(
        (run ? "/api/v1/pipelines/runs/" : "/api/v1/jobs/") + PercentEncode(id) + "/cancel",
        Json::MakeObject()));
    if (!context.globals.json) context.out.Line("cancelling " + id);
  }
  if (context.globals.json) {
    Json::Array ids;
    for (const std::string& id : context.arguments.positional) ids.emplace_back(id);
    context.out.PrintJson(Json::Of({{"cancelled", std::move(ids)}}));
  }
  return 0;
}

}  // namespace

std::vector<Command> JobCommands() {
  const std::string section(kSection);
  return {
      {.name = "submit",
       .usage = "-- CMD...",
       .summary = "submit a command as a durable job; prints its id",
       .section = section,
       .options = {{"--queue", "Q", "the queue (default local)"},
                   {"--priority", "N", "greater runs first (default 0)"},
                   {"--cpus", "N", "how many cpus it takes (default 1)"},
                   {"--memory", "M", "its memory limit, such as 2Gi (default none)"},
                   {"--retries", "N", "start it again so often when it fails (default 0)"},
                   {"--timeout", "T", "end it after this time, such as 30m (default none)"},
                   {"--after", "JOB", "start only once this job has succeeded; repeatable"},
                   {"--name", "S", "a name for people"},
                   {"--wait", "", "follow its output; exit 1 if it does not succeed"},
                   {"--gpus", "N", "not in this version"},
                   {"--image", "I", "not in this version"},
                   {"--array", "N", "not in this version"}},
       .examples = "  tatara submit -- python train.py\n"
                   "  tatara submit --cpus 2 --timeout 1h --retries 2 --wait -- make model\n",
       .run = Submit},
      {.name = "jobs show",
       .usage = "ID",
       .summary = "one job with its attempts",
       .section = section,
       .examples = "  tatara jobs show j-0199...\n",
       .positional_min = 1,
       .positional_max = 1,
       .run = ShowJob},
      {.name = "jobs why",
       .usage = "ID",
       .summary = "why a job waits, or why it ended",
       .section = section,
       .examples = "  tatara jobs why j-0199...\n",
       .positional_min = 1,
       .positional_max = 1,
       .run = WhyJob},
      {.name = "jobs",
       .summary = "jobs, newest first",
       .section = section,
       .options = {{"--limit", "N", "at most so many"}, {"--unfinished", "", "only these"}},
       .examples = "  tatara jobs\n  tatara jobs --json | jq '.jobs[].state'\n",
       .run = ListJobs},
      {.name = "logs",
       .usage = "ID",
       .summary = "a job's output, byte for byte",
       .section = section,
       .options = {{"--follow", "", "go on until the job ends", "-f"}},
       .examples = "  tatara logs -f j-0199...\n",
       .positional_min = 1,
       .positional_max = 1,
       .run = Logs},
      {.name = "cancel",
       .usage = "ID...",
       .summary = "cancel jobs or pipeline runs",
       .section = section,
       .examples = "  tatara cancel j-0199...\n",
       .positional_min = 1,
       .positional_max = kAnyNumber,
       .run = CancelJob},
  };
}

}  // namespace tatara::cli
