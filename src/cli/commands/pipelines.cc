// run, pipelines.
#include <algorithm>
#include <map>
#include <set>

#include "app/app.h"
#include "base/strings.h"
#include "cli/commands/commands.h"
#include "cli/session.h"
#include "os/os.h"

namespace tatara::cli {
namespace {

constexpr std::string_view kSection = "Pipelines";
constexpr int kInterrupted = 130;
constexpr auto kGlanceMin = std::chrono::milliseconds(5);
constexpr auto kGlanceMax = std::chrono::milliseconds(80);
constexpr size_t kLogLinesShown = 20;

// Options of `dvc repro` and what they are called in a request.
constexpr std::pair<std::string_view, std::string_view> kFlags[] = {
    {"--force", "force"},
    {"--single-item", "single_item"},
    {"--downstream", "downstream"},
    {"--force-downstream", "force_downstream"},
    {"--keep-going", "keep_going"},
    {"--pipeline", "pipeline"},
    {"--all-pipelines", "all_pipelines"},
    {"--recursive", "recursive"},
    {"--glob", "glob"},
    {"--no-run-cache", "no_run_cache"},
};

Result<Json> RunBody(const Arguments& arguments) {
  for (const char* option :
       {"--interactive", "--pull", "--allow-missing", "--no-commit", "--ignore-errors"}) {
    if (arguments.Has(option)) return Unsupported(std::string(option) + " is not in this version");
  }
  Json::Array targets;
  for (const std::string& target : arguments.positional) targets.emplace_back(target);
  Json options = Json::MakeObject();
  for (const auto& [flag, name] : kFlags) {
    if (arguments.Has(flag)) options.Set(name, true);
  }
  if (const auto jobs = TRY(arguments.Int("--jobs"))) {
    if (*jobs < 1) return Invalid("--jobs must be at least 1");
    options.Set("jobs", *jobs);
  }
  Json environment = Json::MakeObject();
  for (const auto& [name, value] : os::CurrentEnvironment()) {
    if (IsValidUtf8(name) && IsValidUtf8(value)) environment.AsObject().emplace_back(name, value);
  }
  return Json::Of({{"folder", os::WorkingFolder()},
                   {"targets", std::move(targets)},
                   {"options", std::move(options)},
                   {"environment", std::move(environment)}});
}

struct StageView {
  std::string name, state, why, job;
  double seconds = 0;
};

Result<std::vector<StageView>> StagesOf(const Json& run) {
  std::vector<StageView> out;
  const Json* stages = run.Find("stages");
  if (stages == nullptr || !stages->IsArray()) return out;
  for (const Json& stage : stages->AsArray()) {
    out.push_back({TRY(stage.GetString("name")), TRY(stage.GetString("state")),
                   TRY(stage.GetString("why")), TRY(stage.GetStringOr("job", "")),
                   TRY(stage.GetDouble("seconds"))});
  }
  return out;
}

bool IsFinal(std::string_view state) {
  return state == "SUCCEEDED" || state == "FAILED" || state == "CANCELLED";
}
bool StageEnded(std::string_view state) { return state != "PENDING" && state != "RUNNING"; }

// Follows one run: a line for each stage that ended, on a terminal also those that run.
class Follower {
 public:
  Follower(Context& context, Session& session, std::string id, os::SignalWatcher& signals)
      : context_(context), session_(session), id_(std::move(id)), signals_(signals) {}

  Result<int> Follow() {
    for (;;) {
      const Json run = TRY(session_.Get("/api/v1/pipelines/runs/" + id_));
      const std::string state = TRY(run.GetString("state"));
      const std::vector<StageView> stages = TRY(StagesOf(run));
      context_.out.EndProgress();
      for (const StageView& stage : stages) TRY(Tell(stage));
      if (IsFinal(state)) return TellEnd(run, state, stages);
      Draw(stages, state);
      if (signals_.WaitFor(glance_) != 0) TRY(Interrupt());
      glance_ = std::min(glance_ * 2, std::chrono::milliseconds(kGlanceMax));
    }
  }

 private:
  bool speaks() const { return !context_.globals.json; }

  Status Tell(const StageView& stage) {
    if (stage.state == "RUNNING" && !started_.contains(stage.name)) {
      started_[stage.name] = os::Stopwatch();
    }
    if (!StageEnded(stage.state) || !told_.insert(stage.name).second) return {};
    if (!speaks()) return {};
    const std::string name = "stage " + context_.out.Styled(Style::kBold, stage.name) + ": ";
    const std::string because = stage.why.empty() ? "" : " (" + stage.why + ")";
    if (stage.state == "SKIPPED") {
      ++skipped_;
    } else if (stage.state == "CACHED") {
      context_.out.Note(name + "taken from the cache" + because);
    } else if (stage.state == "SUCCEEDED") {
      context_.out.Note(name +
                        (stage.job.empty() ? "recorded" : "done in " + ShortSpan(stage.seconds)) +
                        because);
    } else {
      context_.out.Note(name + context_.out.State(stage.state) + because);
      if (stage.state == "FAILED" && !stage.job.empty()) TRY(ShowLog(stage));
    }
    return {};
  }

  Status ShowLog(const StageView& stage) {
    const auto answer = TRY(session_.Send({.target = "/api/v1/jobs/" + stage.job + "/logs"}));
    if (answer.status >= 300) return {};
    std::vector<std::string> lines = Split(answer.body, '\n');
    if (!lines.empty() && lines.back().empty()) lines.pop_back();
    const size_t first = lines.size() > kLogLinesShown ? lines.size() - kLogLinesShown : 0;
    for (size_t i = first; i < lines.size(); ++i) context_.out.Note("  | " + lines[i]);
    context_.out.Note("  all of it: tatara logs " + stage.job);
    return {};
  }

  void Draw(const std::vector<StageView>& stages, const std::string& state) {
    if (!context_.out.interactive() || !speaks()) return;
    static constexpr std::string_view kSpinner[] = {"-", "\\", "|", "/"};
    const std::string_view spin = kSpinner[static_cast<size_t>(ticks_++) % 4];
    std::vector<std::string> lines;
    size_t done = 0;
    for (const StageView& stage : stages) {
      if (StageEnded(stage.state)) ++done;
      if (stage.state != "RUNNING") continue;
      const double seconds = std::chrono::duration<double>(started_[stage.name].Elapsed()).count();
      lines.push_back(std::string(spin) + " " + stage.name + "  " + ShortSpan(seconds) +
                      (stage.why.empty() ? "" : "  (" + stage.why + ")"));
    }
    constexpr size_t kBar = 20;
    if (state == "RELEASING") lines.push_back(std::string(spin) + " register, gate, promote");
    if (!stages.empty()) {
      const double share = static_cast<double>(done) / static_cast<double>(stages.size());
      lines.push_back(ProgressBar(share, kBar) + " " + std::to_string(done) + " of " +
                      std::to_string(stages.size()) + " stages" +
                      (skipped_ > 0 ? ", " + std::to_string(skipped_) + " unchanged" : ""));
    }
    context_.out.Progress(lines);
  }

  // The first Ctrl-C cancels the stages and waits for their end; the second one leaves.
  Status Interrupt() {
    if (interrupted_) return Cancelled("left while the run is being cancelled");
    interrupted_ = true;
    context_.out.EndProgress();
    context_.out.Note("cancelling the stages that run");
    const auto answer =
        session_.Post("/api/v1/pipelines/runs/" + id_ + "/cancel", Json::MakeObject());
    if (!answer && answer.error().code != Code::kConflict) return std::unexpected(answer.error());
    return {};
  }

  Result<int> TellEnd(const Json& run, const std::string& state,
                      const std::vector<StageView>& stages) {
    if (context_.globals.json) {
      context_.out.PrintJson(run);
    } else if (state == "SUCCEEDED") {
      const bool all = skipped_ == stages.size();
      context_.out.Note(all ? "nothing changed: " + std::to_string(skipped_) + " stages skipped"
                            : std::to_string(stages.size() - skipped_) + " stages done, " +
                                  std::to_string(skipped_) + " unchanged");
      TRY(TellRelease(run));
    } else {
      context_.out.Note("run " + id_ + " " + context_.out.State(state) + ": " +
                        TRY(run.GetString("reason")));
    }
    if (interrupted_) return kInterrupted;
    return state == "SUCCEEDED" ? 0 : 1;
  }

  Status TellRelease(const Json& run) {
    const Json* release = run.Find("release");
    if (release == nullptr || !release->IsObject()) return {};
    const std::string candidate = TRY(release->GetString("candidate_model"));
    context_.out.Note("gate: " + candidate + ": " +
                      context_.out.Styled(Style::kBold, TRY(release->GetString("verdict"))) + " (" +
                      TRY(release->GetString("reason")) + ")");
    if (TRY(release->GetBoolOr("promoted", false))) {
      context_.out.Note("alias " + TRY(release->GetString("alias")) + " moved to " + candidate);
    }
    return {};
  }

  Context& context_;
  Session& session_;
  const std::string id_;
  os::SignalWatcher& signals_;
  std::set<std::string> told_;
  std::map<std::string, os::Stopwatch> started_;
  size_t skipped_ = 0;
  std::chrono::milliseconds glance_ = kGlanceMin;
  int ticks_ = 0;
  bool interrupted_ = false;
};

Result<int> Explain(Context& context, const Json& body) {
  auto session = TRY(Session::Open(context.globals, Access::kOwn));
  const Json answer =
      TRY(session->Post("/api/v1/pipelines/explain", body, std::chrono::milliseconds(0)));
  if (context.globals.json) {
    context.out.PrintJson(answer);
  } else {
    std::vector<std::vector<std::string>> rows;
    for (const Json& stage : TRY(answer.GetArray("stages"))) {
      rows.push_back({TRY(stage.GetString("name")), TRY(stage.GetString("action")),
                      TRY(stage.GetString("why"))});
    }
    context.out.Table({"stage", "would", "why"}, rows, "no stages");
  }
  const auto stages = TRY(answer.GetArray("stages"));
  const bool fails = std::ranges::any_of(
      stages, [](const Json& stage) { return stage.GetString("action").value_or("") == "fail"; });
  return fails ? 1 : 0;
}

Result<int> RunPipeline(Context& context) {
  Json body = TRY(RunBody(context.arguments));
  if (context.arguments.Has("--dry") || context.arguments.Has("--explain")) {
    return Explain(context, body);
  }
  os::SignalWatcher signals;  // before any thread: they inherit the blocked signals
  auto session = TRY(Session::Open(context.globals, Access::kOwn));
  const Json answer =
      TRY(session->Post("/api/v1/pipelines/runs", body, std::chrono::milliseconds(0)));
  const std::string id = TRY(answer.GetString("id"));
  if (session->owned() != nullptr) session->owned()->AllowPipelineRun(id);
  if (TRY(answer.GetBoolOr("joined", false))) {
    context.out.Note("joined run " + id + ", which is going on");
  }
  auto code = Follower(context, *session, id, signals).Follow();
  context.out.EndProgress();
  if (!code && code.error().code == Code::kCancelled) return kInterrupted;
  return code;
}

Result<int> ListPipelineRuns(Context& context) {
  auto session = TRY(Session::Open(context.globals, Access::kRead));
  const auto limit = TRY(context.arguments.Int("--limit"));
  const Json answer =
      TRY(session->Get("/api/v1/pipelines/runs?limit=" +
                       std::to_string(limit.value_or(context.globals.json ? 0 : 20))));
  if (context.globals.json) {
    context.out.PrintJson(answer);
    return 0;
  }
  std::vector<std::vector<std::string>> rows;
  for (const Json& run : TRY(answer.GetArray("pipeline_runs"))) {
    std::map<std::string, int> counts;
    for (const StageView& stage : TRY(StagesOf(run))) ++counts[stage.state];
    std::string stages;
    for (const auto& [state, count] : counts) {
      stages += (stages.empty() ? "" : ", ") + std::to_string(count) + " " + Lower(state);
    }
    rows.push_back({TRY(run.GetString("id")), TRY(run.GetString("pipeline")),
                    context.out.State(TRY(run.GetString("state"))), stages,
                    TRY(run.GetString("started")), TRY(run.GetString("reason"))});
  }
  context.out.Table({"id", "pipeline", "state", "stages", "started", "reason"}, rows,
                    "no pipeline runs yet; `tatara run` makes one");
  return 0;
}

}  // namespace

std::vector<Command> PipelineCommands() {
  const std::string section(kSection);
  return {
      {.name = "run",
       .usage = "[NAME...]",
       .summary = "run a pipeline and follow it",
       .section = section,
       .options = {{"--dry", "", "only say what would run, and why"},
                   {"--explain", "", "the same"},
                   {"--force", "", "run the stages though nothing changed", "-f"},
                   {"--jobs", "N", "at most so many stages at once", "-j"},
                   {"--single-item", "", "the named stages only, not what they need", "-s"},
                   {"--downstream", "", "the named stages and all that need them"},
                   {"--force-downstream", "", "what needs a stage that ran runs, too"},
                   {"--keep-going", "", "after a failure go on with what does not need it", "-k"},
                   {"--pipeline", "", "the whole pipelines of the named stages", "-p"},
                   {"--all-pipelines", "", "everything in the repository", "-P"},
                   {"--recursive", "", "a NAME is a folder with dvc.yaml files", "-R"},
                   {"--glob", "", "a NAME is a pattern of stage names"},
                   {"--no-run-cache", "", "do not look for outputs of earlier runs"},
                   {"--interactive", "", "not in this version", "-i"},
                   {"--pull", "", "not in this version"},
                   {"--allow-missing", "", "not in this version"},
                   {"--no-commit", "", "not in this version"},
                   {"--ignore-errors", "", "not in this version"}},
       .details = "A NAME is a pipeline of tatara.yaml, else a stage, a group of stages or a file, "
                  "as for `dvc repro`. Without one, the folder's default pipeline runs. The same "
                  "pipeline with the same parameters joins a run that is going on. Ctrl-C cancels "
                  "the stages that run. Exit 1: a stage failed.",
       .examples = "  tatara run\n"
                   "  tatara run train --force\n"
                   "  tatara run --explain\n",
       .positional_max = kAnyNumber,
       .run = RunPipeline},
      {.name = "pipelines",
       .summary = "pipeline runs, newest first",
       .section = section,
       .options = {{"--limit", "N", "at most so many"}},
       .examples = "  tatara pipelines\n",
       .run = ListPipelineRuns},
  };
}

}  // namespace tatara::cli
