#include "pipelines/pipelines.h"

#include <algorithm>

#include "base/strings.h"
#include "events/events.h"
#include "os/files.h"
#include "os/random.h"
#include "pipelines/runner.h"

namespace tatara::pipelines {

struct Pipelines::Checked {
  Loaded loaded;
  std::string fingerprint;
};

namespace {

Status CheckFolder(const RunRequest& request) {
  if (request.folder.starts_with('/')) return {};
  return Invalid("the folder of a run must be an absolute path, not '" + request.folder + "'");
}

// The same text again for a start that is repeated; the environment does not count.
std::string FingerprintText(const Loaded& loaded, const RunRequest& request) {
  return loaded.shape + Fingerprint(*loaded.project, loaded.stages, request);
}

std::string_view KindName(Verdict::Kind kind) {
  switch (kind) {
    case Verdict::Kind::kSkip:
      return "skip";
    case Verdict::Kind::kRun:
      return "run";
    case Verdict::Kind::kCached:
      return "restore";
    case Verdict::Kind::kRecorded:
      return "record";
    case Verdict::Kind::kFailed:
      return "fail";
  }
  return "";
}

}  // namespace

Pipelines::Pipelines(db::Database& database, const os::Clock& clock, jobs::Jobs& jobs,
                     os::WorkPool& pool, Options options)
    : impl_(std::make_unique<Impl>(database, clock, jobs, pool, std::move(options))) {}

Pipelines::~Pipelines() = default;

Status Pipelines::Recover() { return impl_->Recover(); }

Result<std::shared_ptr<const Pipelines::Checked>> Pipelines::Check(const RunRequest& request) {
  TRY(CheckFolder(request));
  auto checked = std::make_shared<Checked>();
  checked->loaded = TRY(LoadGraph(request));
  checked->fingerprint = FingerprintText(checked->loaded, request);
  return std::shared_ptr<const Checked>(std::move(checked));
}

Result<Started> Pipelines::Start(db::Tx& tx, const RunRequest& request,
                                 const std::shared_ptr<const Checked>& checked) {
  TRY(CheckFolder(request));
  if (const auto same = TRY(FindByKey(tx, request.key))) return Started{same->id, true};
  StoredRun stored{.run = {}, .request = request, .root = {}, .fingerprint = {}};
  if (!request.workspace) {
    stored.root = checked ? checked->loaded.project->root : FindProjectRoot(request.folder);
    const auto other =
        TRY(tx.One("SELECT id, fingerprint FROM pipeline_runs "
                   "WHERE state IN ('RUNNING', 'RELEASING') AND root = ?",
                   {stored.root}, [](const db::Row& row) {
                     return std::pair(PipelineRunId(row.Text(0)), row.Text(1));
                   }));
    if (other && checked && other->second == checked->fingerprint) {
      return Started{other->first, true};
    }
    if (other) {
      return Conflict("pipeline run " + other->first.value + " works in " + stored.root +
                      "; wait for it, or `tatara cancel " + other->first.value + "`");
    }
  }
  const Time now = impl_->clock().Now();
  Run& run = stored.run;
  run.id = PipelineRunId("p-" + os::NewId(now));
  run.name = request.name;
  run.folder = request.folder;
  run.work_folder = WorkFolder(request.folder, impl_->WorkspaceOf(run.id, request).root);
  run.started = now;
  run.params = request.params;
  run.cause = request.cause;
  run.key = request.key;
  run.platform = request.platform;
  run.release = request.release;
  Json params = Json::MakeObject();
  for (const auto& [key, value] : request.params) params.Set(key, value);
  run.event = TRY(events::Append(tx, {.time = now,
                                      .source = "tatara.pipelines",
                                      .type = "run_started",
                                      .subject = run.id.value,
                                      .detail = Json::Of({{"id", run.id.value},
                                                          {"pipeline", run.name},
                                                          {"folder", run.folder},
                                                          {"params", std::move(params)},
                                                          {"platform", run.platform}}),
                                      .cause = request.cause}))
                  .id;
  // In a workspace, or with parameters still to be set, the run reads its graph itself.
  const bool known = checked != nullptr && !request.workspace && request.params.empty();
  if (known) {
    stored.fingerprint = checked->fingerprint;
    for (const size_t place : checked->loaded.stages) {
      run.stages.push_back({.name = checked->loaded.project->stages[place].id,
                            .state = "PENDING",
                            .why = "",
                            .job = ""});
    }
  }
  TRY(InsertRun(tx, stored));
  TRY(InsertStages(tx, run.id, run.stages));
  if (known) impl_->Prepared(run.id, checked->loaded);
  return Started{run.id, false};
}

Result<Json> Pipelines::Explain(const RunRequest& request) {
  TRY(CheckFolder(request));
  const Loaded loaded = TRY(LoadGraph(request));
  const Project& project = *loaded.project;
  Locks locks;
  StageWork work(loaded.project, locks, impl_->digests());
  Json::Array stages;
  std::map<size_t, bool> changes;  // stages whose outputs will be made anew
  for (const size_t place : loaded.stages) {
    const auto upstream = std::ranges::find_if(project.graph.needs[place],
                                               [&](size_t need) { return changes[need]; });
    const bool after = upstream != project.graph.needs[place].end();
    Verdict verdict = work.Check(
        place,
        {.force = request.options.force, .run_cache = !request.options.no_run_cache, .dry = true});
    if (after && verdict.kind != Verdict::Kind::kRun) {
      // What its inputs will be, nobody knows yet.
      const std::string by = "'" + project.stages[*upstream].id + "' runs first";
      const bool own = verdict.kind == Verdict::Kind::kCached;
      verdict = {Verdict::Kind::kRun, own ? verdict.why + ", " + by : by};
    }
    changes[place] = verdict.kind == Verdict::Kind::kRun || verdict.kind == Verdict::Kind::kCached;
    stages.push_back(Json::Of({{"name", project.stages[place].id},
                               {"action", KindName(verdict.kind)},
                               {"why", verdict.why}}));
  }
  return Json::Of({{"folder", request.folder}, {"stages", std::move(stages)}});
}

Status Pipelines::Cancel(db::Tx& tx, const PipelineRunId& id) {
  const StoredRun stored = TRY(LoadRun(tx, id));
  const Time now = impl_->clock().Now();
  if (stored.run.state == RunState::kReleasing) {
    if (!TRY(MoveRun(tx, id, RunState::kReleasing, RunState::kCancelled, "cancelled", now))) {
      return {};
    }
    return AppendRunFinished(tx, stored.run, RunState::kCancelled, "cancelled", now);
  }
  if (stored.run.state != RunState::kRunning) {
    return Conflict("pipeline run " + id.value +
                    " has already ended: " + std::string(RunStateName(stored.run.state)));
  }
  const int64_t changed = TRY(tx.Exec(
      "UPDATE pipeline_runs SET cancel_requested = 1 WHERE id = ? AND cancel_requested = 0", {id}));
  if (changed == 0) return {};
  TRY(events::Append(tx, {.time = now,
                          .source = "tatara.pipelines",
                          .type = "run_cancel_requested",
                          .subject = id.value,
                          .detail = Json::Of({{"id", id.value}}),
                          .cause = stored.run.event}));
  for (const StageRow& stage : stored.run.stages) {
    if (stage.state != "RUNNING" || stage.job.empty()) continue;
    const Status cancelled = impl_->jobs().Cancel(tx, JobId(stage.job));
    if (!cancelled && cancelled.error().code != Code::kConflict) return cancelled;
  }
  return {};
}

Status Pipelines::FinishRelease(db::Tx& tx, const PipelineRunId& id, bool ok,
                                const std::string& reason, const Json& result) {
  const StoredRun stored = TRY(LoadRun(tx, id));
  const RunState to = ok ? RunState::kSucceeded : RunState::kFailed;
  const Time now = impl_->clock().Now();
  if (!TRY(MoveRun(tx, id, RunState::kReleasing, to, ok ? "" : reason, now))) return {};
  const std::string text = result.Dump();
  TRY(tx.Exec("UPDATE pipeline_runs SET release_result = ? WHERE id = ?", {text, id}));
  return AppendRunFinished(tx, stored.run, to, ok ? "" : reason, now);
}

void Pipelines::Tick(const control::Moment& moment) { impl_->Tick(moment.now); }
bool Pipelines::Busy() { return impl_->Busy(); }
std::optional<os::Monotonic> Pipelines::NextPoll() { return impl_->retry_at(); }

}  // namespace tatara::pipelines
