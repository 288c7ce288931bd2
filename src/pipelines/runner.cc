#include "pipelines/runner.h"

#include <algorithm>

#include "base/log.h"
#include "events/events.h"
#include "os/files.h"
#include "pipelines/command.h"

namespace tatara::pipelines {
namespace {

constexpr std::string_view kSource = "tatara.pipelines";
Status AppendStageFinished(db::Tx& tx, const Run& run, const StageRow& stage, Time now) {
  TRY(events::Append(tx, {.time = now,
                          .source = std::string(kSource),
                          .type = "stage_finished",
                          .subject = run.id.value,
                          .detail = Json::Of({{"run", run.id.value},
                                              {"pipeline", run.name},
                                              {"stage", stage.name},
                                              {"state", stage.state},
                                              {"why", stage.why},
                                              {"job", stage.job.empty() ? Json() : Json(stage.job)},
                                              {"seconds", stage.seconds}}),
                          .cause = run.event}));
  return {};
}

}  // namespace

Status AppendRunFinished(db::Tx& tx, const Run& run, RunState state, const std::string& reason,
                         Time now) {
  TRY(events::Append(tx, {.time = now,
                          .source = std::string(kSource),
                          .type = "run_finished",
                          .subject = run.id.value,
                          .detail = Json::Of({{"id", run.id.value},
                                              {"pipeline", run.name},
                                              {"state", RunStateName(state)},
                                              {"reason", reason}}),
                          .cause = run.event}));
  return {};
}

Pipelines::Impl::Impl(db::Database& database, const os::Clock& clock, jobs::Jobs& jobs,
                      os::WorkPool& pool, Options options)
    : database_(database), clock_(clock), jobs_(jobs), pool_(pool), options_(std::move(options)) {
  jobs_.OnEnded([this](const JobId& job, jobs::State state, const std::string& reason) {
    if (!stage_of_job_.contains(job)) return;
    ended_jobs_.push_back({job, state, reason});
    options_.wake();
  });
}

Status Pipelines::Impl::Recover() {
  return database_.Read([&](db::Reader& reader) { return LoadDigests(reader, digests_); });
}

void Pipelines::Impl::Prepared(const PipelineRunId& id, Loaded loaded) {
  constexpr size_t kKept = 64;  // of starts whose transaction failed
  std::lock_guard lock(mutex_);
  if (prepared_.size() >= kKept) prepared_.clear();
  prepared_[id] = std::move(loaded);
}

Workspace Pipelines::Impl::WorkspaceOf(const PipelineRunId& id, const RunRequest& request) const {
  if (!request.workspace) return {};
  return {options_.workspaces + "/" + id.value, os::ParentOf(options_.workspaces)};
}

bool Pipelines::Impl::MayRun(const LiveRun& run) const {
  return !options_.may_run || options_.may_run(run.id());
}

bool Pipelines::Impl::Busy() const {
  return std::ranges::any_of(runs_, [&](const auto& entry) {
    return entry.second->stored.run.platform && MayRun(*entry.second);
  });
}

void Pipelines::Impl::Tick(Time now) {
  LoadNew();
  TakeInputs();
  for (auto& [id, run] : runs_) {
    if (run->stored.run.state == RunState::kRunning && MayRun(*run)) Advance(*run);
  }
  if (Save(now)) AfterSave();
}

void Pipelines::Impl::LoadNew() {
  struct Known {
    PipelineRunId id;
    int64_t sequence;
    std::string state;
    bool cancelled;
  };
  const auto open = database_.Read([&](db::Reader& reader) {
    return reader.All(
        "SELECT id, sequence, state, cancel_requested FROM pipeline_runs "
        "WHERE state IN ('RUNNING', 'RELEASING') ORDER BY sequence",
        {}, [](const db::Row& row) {
          return Known{PipelineRunId(row.Text(0)), row.Int(1), row.Text(2), row.Bool(3)};
        });
  });
  if (!open) return Log::Error("pipelines", open.error().message);
  // A releasing run that is no longer open has been ended by the release.
  std::erase_if(runs_, [&](const auto& entry) {
    return entry.second->stored.run.state == RunState::kReleasing &&
           std::ranges::find(*open, entry.first, &Known::id) == open->end();
  });
  for (const Known& known : *open) {
    if (const auto found = runs_.find(known.id); found != runs_.end()) {
      found->second->cancelled = found->second->cancelled || known.cancelled;
      continue;
    }
    if (known.sequence <= loaded_sequence_) continue;
    auto stored = database_.Read([&](db::Reader& reader) { return LoadRun(reader, known.id); });
    if (!stored) return Log::Error("pipelines", stored.error().message);
    auto run = std::make_unique<LiveRun>();
    run->stored = *std::move(stored);
    run->cancelled = known.cancelled;
    run->locks = std::make_shared<Locks>();
    loaded_sequence_ = known.sequence;
    runs_[known.id] = std::move(run);
  }
}

void Pipelines::Impl::TakeInputs() {
  std::vector<Report> inputs;
  {
    std::lock_guard lock(mutex_);
    inputs = std::exchange(inputs_, {});
  }
  for (Report& report : inputs) TakeReport(std::move(report));
  for (const EndedJob& end : std::exchange(ended_jobs_, {})) {
    JobEnded(end.job, end.state, end.reason);
  }
}

void Pipelines::Impl::TakeReport(Report report) {
  const auto found = runs_.find(report.run);
  if (found == runs_.end()) return;
  LiveRun& run = *found->second;
  run.busy = false;
  if (report.loaded) return TakeLoaded(run, *std::move(report.loaded));
  if (!report.synced) return Fail(run, report.synced.error().message);
  for (const Outcome& outcome : report.outcomes) TakeOutcome(run, outcome);
}

void Pipelines::Impl::TakeLoaded(LiveRun& run, Result<Loaded> loaded) {
  if (!loaded) return Fail(run, loaded.error().message);
  run.loaded = *std::move(loaded);
  const bool fresh = run.stored.run.stages.empty();
  if (!fresh && run.stored.fingerprint.substr(0, run.loaded.shape.size()) != run.loaded.shape) {
    return Fail(run, "the pipeline's definition was changed while nothing ran it; run it again");
  }
  MatchStages(run);
  if (fresh) {
    run.rows_unsaved = true;
    for (LiveStage& stage : run.stages) stage.row.state = StageStateName(stage.state);
  }
  FollowJobs(run);
}

void Pipelines::Impl::MatchStages(LiveRun& run) {
  const Project& project = *run.loaded.project;
  std::map<size_t, size_t> place_of;
  for (const size_t place : run.loaded.stages) {
    LiveStage stage;
    stage.project_place = place;
    stage.row.name = project.stages[place].id;
    for (const size_t need : project.graph.needs[place]) {
      if (const auto at = place_of.find(need); at != place_of.end()) {
        stage.needs.push_back(at->second);
      }
    }
    const size_t here = run.stages.size();
    place_of[place] = here;
    if (here < run.stored.run.stages.size()) {
      stage.row = run.stored.run.stages[here];
      stage.state = StageStateFromName(stage.row.state).value_or(StageState::kPending);
    }
    run.stages.push_back(std::move(stage));
  }
}

// A power cut took the end of dvc.lock, which was not yet synced: to be recorded again.
bool Pipelines::Impl::LostItsEntry(LiveRun& run, const LiveStage& stage) {
  const Stage& definition = run.loaded.project->stages[stage.project_place];
  if (definition.IsData()) return false;
  const auto entry = run.locks->Find(definition);
  return entry && !*entry;
}

// After a restart: what became of the jobs meanwhile.
void Pipelines::Impl::FollowJobs(LiveRun& run) {
  // What was written last before the server died was perhaps not synced.
  const bool resumed = std::ranges::any_of(
      run.stages, [](const LiveStage& stage) { return stage.state != StageState::kPending; });
  if (resumed) run.locks->unsynced().AddFolder(run.loaded.project->root);
  for (size_t i = 0; i < run.stages.size(); ++i) {
    LiveStage& stage = run.stages[i];
    if (stage.state == StageState::kSucceeded && LostItsEntry(run, stage)) {
      stage.state = StageState::kMade;
    }
    if (stage.state != StageState::kRunning) continue;
    const JobId id(stage.row.job);
    stage_of_job_[id] = {run.id(), i};
    const auto job =
        database_.Read([&](db::Reader& reader) { return jobs::Jobs::Get(reader, id); });
    if (job && jobs::IsFinal(job->state)) ended_jobs_.push_back({id, job->state, job->reason});
  }
  for (const EndedJob& end : std::exchange(ended_jobs_, {})) {
    JobEnded(end.job, end.state, end.reason);
  }
}

// Told twice of each job (jobs.h, OnEnded): the second time the stage is no longer its.
void Pipelines::Impl::JobEnded(const JobId& job, jobs::State state, const std::string& reason) {
  const auto at = stage_of_job_.find(job);
  if (at == stage_of_job_.end()) return;
  const auto [id, place] = at->second;
  stage_of_job_.erase(at);
  const auto found = runs_.find(id);
  if (found == runs_.end()) return;
  LiveRun& run = *found->second;
  LiveStage& stage = run.stages[place];
  if (stage.state != StageState::kRunning) return;
  if (state == jobs::State::kSucceeded) {
    stage.state = StageState::kMade;
    return;
  }
  const bool cancelled = state == jobs::State::kCancelled;
  SetStage(run, place, cancelled ? StageState::kCancelled : StageState::kFailed,
           reason.empty() ? std::string(jobs::StateName(state)) : reason);
}

void Pipelines::Impl::TakeOutcome(LiveRun& run, const Outcome& outcome) {
  LiveStage& stage = run.stages[outcome.place];
  using Kind = Verdict::Kind;
  const Verdict& verdict = outcome.verdict;
  if (outcome.recorded) {
    if (stage.state != StageState::kMade) return;
    const bool failed = verdict.kind == Kind::kFailed;
    return SetStage(run, outcome.place, failed ? StageState::kFailed : StageState::kSucceeded,
                    failed ? verdict.why : stage.row.why);
  }
  if (stage.state != StageState::kPending) return;
  switch (verdict.kind) {
    case Kind::kSkip:
      return SetStage(run, outcome.place, StageState::kSkipped, "");
    case Kind::kCached:
      return SetStage(run, outcome.place, StageState::kCached, verdict.why);
    case Kind::kRecorded:
      return SetStage(run, outcome.place, StageState::kSucceeded, verdict.why);
    case Kind::kFailed:
      return SetStage(run, outcome.place, StageState::kFailed, verdict.why);
    case Kind::kRun:
      if (run.cancelled) return;
      stage.wants_job = true;
      stage.watch.Restart();
      return SetStage(run, outcome.place, StageState::kRunning, verdict.why);
  }
}

void Pipelines::Impl::SetStage(LiveRun& run, size_t place, StageState state,
                               const std::string& why) {
  LiveStage& stage = run.stages[place];
  const bool had_job = stage.state == StageState::kRunning || stage.state == StageState::kMade;
  if (had_job) {
    stage.row.seconds =
        std::chrono::duration_cast<std::chrono::duration<double>>(stage.watch.Elapsed()).count();
  }
  stage.state = state;
  stage.row.state = StageStateName(state);
  stage.row.why = why;
  stage.unsaved = true;
}

void Pipelines::Impl::Fail(LiveRun& run, const std::string& reason) {
  run.end = {run.cancelled ? RunState::kCancelled : RunState::kFailed, reason};
}

void Pipelines::Impl::Advance(LiveRun& run) {
  if (run.busy || run.end) return;
  if (!run.loaded.project) {
    if (run.cancelled && run.stored.run.stages.empty()) return Fail(run, "cancelled");
    return PostLoad(run);
  }
  Snapshot snapshot{.keep_going = run.stored.request.options.keep_going,
                    .cancelled = run.cancelled,
                    .jobs_max = static_cast<size_t>(run.stored.request.options.jobs)};
  for (const LiveStage& stage : run.stages) {
    snapshot.stages.push_back({stage.row.name, stage.state, stage.needs});
  }
  const Plan plan = PlanRun(snapshot);
  for (const auto& [place, why] : plan.block) SetStage(run, place, StageState::kBlocked, why);
  for (const size_t place : plan.cancel) {
    SetStage(run, place, StageState::kCancelled, "cancelled");
  }
  if (plan.finished) return run.locks->unsynced().Any() ? PostSync(run) : DecideEnd(run);
  if (!plan.record.empty() || !plan.check.empty()) PostVisit(run, plan);
}

void Pipelines::Impl::DecideEnd(LiveRun& run) {
  if (run.cancelled) return Fail(run, "cancelled");
  for (const LiveStage& stage : run.stages) {
    if (stage.state == StageState::kFailed || stage.state == StageState::kCancelled) {
      return Fail(run, "stage '" + stage.row.name + "' failed: " + stage.row.why);
    }
  }
  run.end = {run.stored.run.release.IsNull() ? RunState::kSucceeded : RunState::kReleasing, ""};
}

void Pipelines::Impl::PostSync(LiveRun& run) {
  run.busy = pool_.Post([this, id = run.id(), locks = run.locks] {
    Deliver({id, {}, {}, locks->unsynced().Sync()});
  });
}

void Pipelines::Impl::PostLoad(LiveRun& run) {
  {
    std::lock_guard lock(mutex_);
    if (const auto at = prepared_.find(run.id()); at != prepared_.end()) {
      inputs_.push_back({run.id(), std::optional(Result<Loaded>(std::move(at->second))), {}, {}});
      prepared_.erase(at);
      run.busy = true;
      return options_.wake();
    }
  }
  run.busy = pool_.Post([this, id = run.id(), request = run.stored.request,
                         workspace = WorkspaceOf(run.id(), run.stored.request)] {
    if (!workspace.root.empty()) PruneWorkspaces();
    Deliver({id, std::optional(PrepareRun(request, workspace)), {}, {}});
  });
}

// Before a workspace is made, those that have outlived their use go. What cannot be removed stays.
void Pipelines::Impl::PruneWorkspaces() const {
  const auto names = os::ListFolder(options_.workspaces);
  if (!names) return;
  auto runs = database_.Read([&](db::Reader& reader) { return LoadWorkspaceRuns(reader, *names); });
  if (!runs) return Log::Warn("pipelines", runs.error().message);
  for (const PipelineRunId& id : Outlived(*std::move(runs))) {
    const Status removed = os::RemoveTree(options_.workspaces + "/" + id.value);
    if (!removed) Log::Warn("pipelines", removed.error().message);
  }
}

void Pipelines::Impl::PostVisit(LiveRun& run, const Plan& plan) {
  const RunOptions& options = run.stored.request.options;
  Visit visit{.project = run.loaded.project,
              .locks = run.locks,
              .project_places = {},
              .needs = {},
              .states = {},
              .record = plan.record,
              .check = plan.check,
              .may_run = plan.may_run,
              .force = options.force,
              .force_downstream = options.force_downstream,
              .keep_going = options.keep_going,
              .run_cache = !options.no_run_cache};
  for (const LiveStage& stage : run.stages) {
    visit.project_places.push_back(stage.project_place);
    visit.needs.push_back(stage.needs);
    visit.states.push_back(stage.state);
  }
  run.busy = pool_.Post([this, id = run.id(), visit = std::move(visit)] {
    Deliver({id, {}, CarryOut(visit, digests_), {}});
  });
}

void Pipelines::Impl::Deliver(Report report) {
  {
    std::lock_guard lock(mutex_);
    inputs_.push_back(std::move(report));
  }
  options_.wake();
}

// Writes what changed in one transaction. False: nothing to write, or refused (tried again later).
bool Pipelines::Impl::Save(Time now) {
  std::ranges::move(digests_.TakeNew(), std::back_inserter(unsaved_digests_));
  bool any = !unsaved_digests_.empty();
  for (const auto& [id, run] : runs_) {
    any = any || run->end || run->rows_unsaved ||
          std::ranges::any_of(run->stages, &LiveStage::unsaved);
  }
  if (!any) return false;
  std::map<PipelineRunId, std::vector<std::pair<JobId, size_t>>> jobs;
  const Status written = database_.Write([&](db::Tx& tx) -> Status {
    jobs.clear();
    TRY(StoreDigests(tx, unsaved_digests_));
    for (auto& [id, run] : runs_) TRY(SaveRun(tx, *run, now, jobs[id]));
    return jobs_.TickIn(tx, now);
  });
  if (written) {
    for (const auto& [id, list] : jobs) {
      for (const auto& [job, place] : list) stage_of_job_[job] = {id, place};
    }
  }
  jobs_.Committed(written.has_value());
  if (!written) {
    Log::Error("pipelines",
               "cannot record what stages did, trying again: " + written.error().message);
    retry_at_ = os::Stopwatch::Now() + std::chrono::seconds(1);
    return false;
  }
  retry_at_.reset();
  unsaved_digests_.clear();
  return true;
}

Status Pipelines::Impl::SaveRun(db::Tx& tx, LiveRun& run, Time now,
                                std::vector<std::pair<JobId, size_t>>& jobs) {
  if (run.rows_unsaved) {
    std::vector<StageRow> rows;
    for (const LiveStage& stage : run.stages) rows.push_back(stage.row);
    TRY(InsertStages(tx, run.id(), rows));
    TRY(tx.Exec("UPDATE pipeline_runs SET fingerprint = ? WHERE id = ? AND fingerprint = ''",
                {run.loaded.shape, run.id()}));
  }
  for (size_t i = 0; i < run.stages.size(); ++i) {
    LiveStage& stage = run.stages[i];
    if (!stage.unsaved) continue;
    if (stage.wants_job) {
      if (const auto job = TRY(SubmitStage(tx, run, i))) {
        stage.row.job = job->value;
        jobs.emplace_back(*job, i);
      }
    }
    TRY(SaveStage(tx, run, i, now));
  }
  return run.end ? SaveEnd(tx, run, now) : Status{};
}

Status Pipelines::Impl::SaveStage(db::Tx& tx, LiveRun& run, size_t place, Time now) {
  const LiveStage& stage = run.stages[place];
  TRY(UpdateStage(tx, run.id(), place, stage.row));
  if (!IsFinal(stage.state)) return {};
  return AppendStageFinished(tx, run.stored.run, stage.row, now);
}

// Nothing: the run was cancelled meanwhile. A stage that cannot be submitted fails by itself.
Result<std::optional<JobId>> Pipelines::Impl::SubmitStage(db::Tx& tx, LiveRun& run, size_t place) {
  LiveStage& stage = run.stages[place];
  const int64_t cancelled =
      TRY(tx.Count("SELECT cancel_requested FROM pipeline_runs WHERE id = ?", {run.id()}));
  if (cancelled != 0) {
    run.cancelled = true;
    stage.wants_job = false;
    stage.state = StageState::kPending;
    stage.row.state = StageStateName(stage.state);
    return std::optional<JobId>();
  }
  const Project& project = *run.loaded.project;
  auto spec = StageJob(project.stages[stage.project_place], run.stored.request, project.root,
                       run.stored.run.work_folder);
  Result<JobId> job = spec ? [&] {
    spec->owner = run.id().value;
    spec->cause = run.stored.run.event;
    return jobs_.Submit(tx, *spec);
  }()
                           : Result<JobId>(std::unexpected(spec.error()));
  if (job) return std::optional(*std::move(job));
  const Code code = job.error().code;
  if (code != Code::kInvalid && code != Code::kNotFound && code != Code::kUnsupported) {
    return std::unexpected(job.error());
  }
  stage.wants_job = false;
  SetStage(run, place, StageState::kFailed, job.error().message);
  return std::optional<JobId>();
}

Status Pipelines::Impl::SaveEnd(db::Tx& tx, const LiveRun& run, Time now) {
  const auto& [state, reason] = *run.end;
  if (!TRY(MoveRun(tx, run.id(), RunState::kRunning, state, reason, now))) return {};
  // A run that could not even be loaded may have jobs from before.
  for (const LiveStage& stage : run.stages) {
    if (!stage.row.job.empty() && stage.state == StageState::kRunning) {
      if (Status cancelled = jobs_.Cancel(tx, JobId(stage.row.job));
          !cancelled && cancelled.error().code != Code::kConflict) {
        return cancelled;
      }
    }
  }
  if (state == RunState::kReleasing) return {};
  return AppendRunFinished(tx, run.stored.run, state, reason, now);
}

void Pipelines::Impl::AfterSave() {
  bool again = false;
  for (auto& [id, run] : runs_) {
    run->rows_unsaved = false;
    for (LiveStage& stage : run->stages) {
      // One that could not be submitted is news for the plan.
      again = again || (stage.unsaved && !stage.wants_job && stage.row.job.empty());
      stage.wants_job = false;
      stage.unsaved = false;
    }
    if (run->end) {
      run->stored.run.state = run->end->first;
      run->end.reset();
      again = true;
    }
  }
  std::erase_if(runs_, [](const auto& entry) {
    return entry.second->stored.run.state > RunState::kReleasing;
  });
  if (again) options_.wake();
}

}  // namespace tatara::pipelines
