// The inside of Pipelines: the runs that have not ended, and what the control thread does with
// them. Private to pipelines/.
//
// Threads: everything but `inputs_` and `prepared_` belongs to the control thread. One task of a
// run is on the work pool at a time (`busy`), so that a project's files are changed by one thread.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "os/clock.h"
#include "os/threads.h"
#include "pipelines/pipelines.h"
#include "pipelines/plan.h"
#include "pipelines/store.h"
#include "pipelines/visit.h"
#include "pipelines/workspace.h"

namespace tatara::pipelines {

struct LiveStage {
  size_t project_place = 0;
  std::vector<size_t> needs;  // places in the run
  StageState state = StageState::kPending;
  StageRow row;
  os::Stopwatch watch;
  bool wants_job = false;  // to be submitted with the next write
  bool unsaved = false;
};

struct LiveRun {
  StoredRun stored;
  Loaded loaded;                 // no project: not loaded yet
  std::shared_ptr<Locks> locks;  // shared with the task on the work pool
  std::vector<LiveStage> stages;
  bool busy = false;
  bool cancelled = false;
  bool rows_unsaved = false;                            // its stages have no rows yet
  std::optional<std::pair<RunState, std::string>> end;  // to be written
  const PipelineRunId& id() const { return stored.run.id; }
};

class Pipelines::Impl {
 public:
  Impl(db::Database& database, const os::Clock& clock, jobs::Jobs& jobs, os::WorkPool& pool,
       Options options);

  Status Recover();
  void Tick(Time now);
  bool Busy() const;
  std::optional<os::Monotonic> retry_at() const { return retry_at_; }
  void Prepared(const PipelineRunId& id, Loaded loaded);
  Workspace WorkspaceOf(const PipelineRunId& id, const RunRequest& request) const;

  const os::Clock& clock() const { return clock_; }
  jobs::Jobs& jobs() { return jobs_; }
  Digests& digests() { return digests_; }

 private:
  struct Report {  // what a visit of the work pool found
    PipelineRunId run;
    std::optional<Result<Loaded>> loaded;
    std::vector<Outcome> outcomes;
    Status synced;  // of what was written, before the run's end
  };

  bool MayRun(const LiveRun& run) const;
  void LoadNew();
  void TakeInputs();
  void TakeReport(Report report);
  void TakeLoaded(LiveRun& run, Result<Loaded> loaded);
  void TakeOutcome(LiveRun& run, const Outcome& outcome);
  void MatchStages(LiveRun& run);
  void FollowJobs(LiveRun& run);
  static bool LostItsEntry(LiveRun& run, const LiveStage& stage);
  void JobEnded(const JobId& job, jobs::State state, const std::string& reason);
  void Fail(LiveRun& run, const std::string& reason);
  void SetStage(LiveRun& run, size_t place, StageState state, const std::string& why);
  void Advance(LiveRun& run);
  void DecideEnd(LiveRun& run);
  void PostSync(LiveRun& run);
  void PostLoad(LiveRun& run);
  void PruneWorkspaces() const;  // on the work pool
  void PostVisit(LiveRun& run, const Plan& plan);
  void Deliver(Report report);
  bool Save(Time now);
  Status SaveRun(db::Tx& tx, LiveRun& run, Time now, std::vector<std::pair<JobId, size_t>>& jobs);
  Status SaveStage(db::Tx& tx, LiveRun& run, size_t place, Time now);
  Status SaveEnd(db::Tx& tx, const LiveRun& run, Time now);
  Result<std::optional<JobId>> SubmitStage(db::Tx& tx, LiveRun& run, size_t place);
  void AfterSave();

  db::Database& database_;
  const os::Clock& clock_;
  jobs::Jobs& jobs_;
  os::WorkPool& pool_;
  const Options options_;
  Digests digests_;

  std::map<PipelineRunId, std::unique_ptr<LiveRun>> runs_;
  std::map<JobId, std::pair<PipelineRunId, size_t>> stage_of_job_;
  struct EndedJob {
    JobId job;
    jobs::State state;
    std::string reason;
  };
  std::vector<EndedJob> ended_jobs_;
  std::vector<Digests::Known> unsaved_digests_;
  int64_t loaded_sequence_ = 0;
  std::optional<os::Monotonic> retry_at_;

  mutable std::mutex mutex_;  // guards what follows
  std::vector<Report> inputs_;
  std::map<PipelineRunId, Loaded> prepared_;  // graphs that Check read for Start
};

// run_finished, in the transaction that ends the run.
Status AppendRunFinished(db::Tx& tx, const Run& run, RunState state, const std::string& reason,
                         Time now);

}  // namespace tatara::pipelines
