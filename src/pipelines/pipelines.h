// The door of pipelines: dvc.yaml (and what else becomes one graph of stages) run as durable jobs.
//
// Promises
//  1. A started run is durable once Start's transaction commits, and goes on after kill -9 where it
//     was: a stage whose job succeeded is recorded (outputs hashed, cache, dvc.lock, then its row)
//     once in effect, and its command runs once for each attempt. All of it is synced to the disk
//     before the run's end is recorded.
//  2. `dvc status` is clean and `dvc repro` runs nothing afterwards, and the reverse.
//  3. One run at a time works in a folder.
//  4. Events: source "tatara.pipelines", types run_started, stage_finished, run_finished; subject
//     the run's id.
// Owner: App. Threads: the planner half on the control thread; Start, Cancel and FinishRelease in
// any write transaction; the readers from any thread.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/id.h"
#include "base/json.h"
#include "control/control.h"
#include "db/db.h"
#include "jobs/jobs.h"

namespace tatara::pipelines {

// What a stage needs; stage names may be globs. `meta:` of dvc.yaml may say the same.
struct StageResources {
  std::string queue = "local";
  double cpus = 1;
  int64_t memory = 0;
  Duration timeout{0};
  int64_t retries = 0;
};

struct RunOptions {
  bool force = false;
  bool single_item = false;
  bool downstream = false;
  bool force_downstream = false;
  bool keep_going = false;
  bool pipeline = false;  // whole pipelines that hold the targets
  bool all_pipelines = false;
  bool recursive = false;
  bool glob = false;
  bool no_run_cache = false;
  int64_t jobs = 0;  // stages at once; 0: as many as the queues hold
};

// The options as JSON: {"force": true, "jobs": 2, ...}; what is not named keeps its default.
Result<RunOptions> ParseRunOptions(const Json& json);

struct RunRequest {
  std::string folder;             // absolute; where targets are relative to
  std::string name;               // the pipeline's name in tatara.yaml, or ""
  std::string file = "dvc.yaml";  // relative to the folder
  std::vector<std::string> targets;
  RunOptions options;
  std::map<std::string, Json> params;  // overrides: "data.start" -> value, written into params.yaml
  std::vector<std::pair<std::string, StageResources>> resources;  // glob -> needs, last match wins
  os::Environment environment;
  bool workspace = false;  // work in HOME/workspaces/RUN, a copy without ignored files
  std::string key;         // idempotency: the same key is the same run; empty: none
  EventId cause;
  bool platform = false;  // a rule started it: a replay waits for it
  Json release;           // what follows the last stage (module release), or null
};

enum class RunState { kRunning, kReleasing, kSucceeded, kFailed, kCancelled };
std::string_view RunStateName(RunState state);  // "RUNNING", "RELEASING", ...

struct StageRow {
  std::string name;    // "dir/dvc.yaml:name" below the root, "name" at the root
  std::string state;   // PENDING RUNNING SKIPPED CACHED SUCCEEDED FAILED CANCELLED BLOCKED
  std::string why;     // "features.sql changed", "params.yaml: data.end changed ..."
  std::string job;     // its job's id, if it needed one
  double seconds = 0;  // real time it took
};

struct Run {
  PipelineRunId id;
  std::string name, folder;
  std::string work_folder;  // where it works: the folder, or its workspace's counterpart
  RunState state = RunState::kRunning;
  std::string reason;
  Time started{};
  std::optional<Time> ended;
  std::map<std::string, Json> params;
  std::vector<StageRow> stages;
  EventId cause;
  EventId event;  // its run_started event
  std::string key;
  bool platform = false;
  Json release;         // as requested
  Json release_result;  // what FinishRelease was given, or null
};
Json ToJson(const Run& run);

struct Options {
  std::string workspaces;      // HOME/workspaces
  std::function<void()> wake;  // Control::Wake
  // Only runs that this accepts make progress (an owner that is no server); null: all.
  std::function<bool(const PipelineRunId&)> may_run;
};

struct Started {
  PipelineRunId id;
  bool joined = false;  // the same graph with the same parameters was going on
};

class Pipelines : public control::Planner {
 public:
  Pipelines(db::Database& database, const os::Clock& clock, jobs::Jobs& jobs, os::WorkPool& pool,
            Options options);
  ~Pipelines() override;

  // Loads what has not ended. Before Control::Start, after Jobs::Recover.
  Status Recover();

  // Checks the graph first (blocking file reads): call it outside of a transaction and hand the
  // result to Start. kInvalid names file and line; kUnsupported what this version does not have.
  struct Checked;
  Result<std::shared_ptr<const Checked>> Check(const RunRequest& request);
  // kConflict when another run works in the folder. Call Control::Wake after the commit.
  Result<Started> Start(db::Tx& tx, const RunRequest& request,
                        const std::shared_ptr<const Checked>& checked);
  // What a run would do and why, without doing it.
  Result<Json> Explain(const RunRequest& request);

  Status Cancel(db::Tx& tx, const PipelineRunId& id);
  // Ends a RELEASING run. Compare-and-set: a repeat changes nothing.
  Status FinishRelease(db::Tx& tx, const PipelineRunId& id, bool ok, const std::string& reason,
                       const Json& result);

  static Result<Run> Get(db::Reader& reader, const PipelineRunId& id);
  static Result<std::optional<Run>> FindByKey(db::Reader& reader, const std::string& key);
  static Result<std::vector<Run>> List(db::Reader& reader, int64_t limit);
  static Result<std::vector<Run>> ListReleasing(db::Reader& reader);

  std::string_view name() const override { return "pipelines"; }
  void Tick(const control::Moment& moment) override;
  std::optional<Time> NextDue() override { return std::nullopt; }
  bool Busy() override;  // a platform run is not finished
  std::optional<os::Monotonic> NextPoll() override;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tatara::pipelines
