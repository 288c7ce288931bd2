#include "pipelines/store.h"

#include "base/strings.h"

namespace tatara::pipelines {
namespace {

constexpr std::string_view kColumns =
    "id, name, folder, root, work_folder, state, reason, request, fingerprint, start_key, "
    "platform, release_spec, release_result, cause, event, cancel_requested, started, ended";

constexpr std::pair<RunState, std::string_view> kStates[] = {
    {RunState::kRunning, "RUNNING"},     {RunState::kReleasing, "RELEASING"},
    {RunState::kSucceeded, "SUCCEEDED"}, {RunState::kFailed, "FAILED"},
    {RunState::kCancelled, "CANCELLED"},
};

RunState StateOf(std::string_view name) {
  for (const auto& [state, known] : kStates) {
    if (known == name) return state;
  }
  return RunState::kFailed;
}

Json ParseOrNull(const std::string& text) { return ParseJson(text).value_or(Json()); }

struct Flag {
  std::string_view name;
  bool RunOptions::* member;
};
constexpr Flag kFlags[] = {
    {"force", &RunOptions::force},
    {"single_item", &RunOptions::single_item},
    {"downstream", &RunOptions::downstream},
    {"force_downstream", &RunOptions::force_downstream},
    {"keep_going", &RunOptions::keep_going},
    {"pipeline", &RunOptions::pipeline},
    {"all_pipelines", &RunOptions::all_pipelines},
    {"recursive", &RunOptions::recursive},
    {"glob", &RunOptions::glob},
    {"no_run_cache", &RunOptions::no_run_cache},
};

StoredRun FromRow(const db::Row& row) {
  StoredRun out;
  Run& run = out.run;
  run.id = PipelineRunId(row.Text(0));
  run.name = row.Text(1);
  run.folder = row.Text(2);
  out.root = row.Text(3);
  run.work_folder = row.Text(4);
  run.state = StateOf(row.View(5));
  run.reason = row.Text(6);
  if (auto request = ParseRequest(row.View(7))) out.request = *std::move(request);
  run.params = out.request.params;
  out.fingerprint = row.Text(8);
  run.key = row.Text(9);
  run.platform = row.Bool(10);
  run.release = ParseOrNull(row.Text(11));
  run.release_result = ParseOrNull(row.Text(12));
  run.cause = EventId(row.Text(13));
  run.event = EventId(row.Text(14));
  out.cancel_requested = row.Bool(15);
  run.started = row.At(16);
  run.ended = row.AtOrNone(17);
  return out;
}

}  // namespace

Result<RunOptions> ParseRunOptions(const Json& json) {
  RunOptions options;
  for (const Flag& flag : kFlags) {
    options.*flag.member = TRY(json.GetBoolOr(flag.name, false));
  }
  options.jobs = TRY(json.GetIntOr("jobs", 0));
  if (options.jobs < 0) return Invalid("'jobs' must not be negative");
  return options;
}

std::string RequestText(const RunRequest& request) {
  Json options = Json::MakeObject();
  for (const Flag& flag : kFlags) options.Set(flag.name, request.options.*flag.member);
  options.Set("jobs", request.options.jobs);
  Json::Array targets, resources;
  for (const std::string& target : request.targets) targets.emplace_back(target);
  for (const auto& [glob, needs] : request.resources) {
    resources.push_back(Json::Of({{"stages", glob},
                                  {"queue", needs.queue},
                                  {"cpus", needs.cpus},
                                  {"memory", needs.memory},
                                  {"timeout", int64_t{needs.timeout.count()}},
                                  {"retries", needs.retries}}));
  }
  Json params = Json::MakeObject();
  for (const auto& [key, value] : request.params) params.Set(key, value);
  return Json::Of({{"file", request.file},
                   {"targets", std::move(targets)},
                   {"options", std::move(options)},
                   {"params", std::move(params)},
                   {"resources", std::move(resources)},
                   {"workspace", request.workspace}})
      .Dump();
}

Result<RunRequest> ParseRequest(std::string_view text) {
  const Json json = TRY(ParseJson(text));
  RunRequest request;
  request.file = TRY(json.GetString("file"));
  request.targets = TRY(json.GetStrings("targets"));
  request.options = TRY(ParseRunOptions(*json.Find("options")));
  for (const auto& [key, value] : json.Find("params")->AsObject()) request.params[key] = value;
  for (const Json& item : TRY(json.GetArray("resources"))) {
    StageResources needs;
    needs.queue = TRY(item.GetString("queue"));
    needs.cpus = TRY(item.GetDouble("cpus"));
    needs.memory = TRY(item.GetInt("memory"));
    needs.timeout = Duration(TRY(item.GetInt("timeout")));
    needs.retries = TRY(item.GetInt("retries"));
    request.resources.emplace_back(TRY(item.GetString("stages")), needs);
  }
  request.workspace = TRY(json.GetBoolOr("workspace", false));
  return request;
}

std::string_view RunStateName(RunState state) {
  for (const auto& [known, name] : kStates) {
    if (known == state) return name;
  }
  return "";
}

Result<StoredRun> LoadRun(db::Reader& reader, const PipelineRunId& id) {
  auto found = TRY(reader.One(
      "SELECT " + std::string(kColumns) + ", environment FROM pipeline_runs WHERE id = ?", {id},
      [](const db::Row& row) {
        StoredRun stored = FromRow(row);
        const Json environment = ParseOrNull(row.Text(18));
        if (environment.IsObject()) {
          for (const auto& [name, value] : environment.AsObject()) {
            if (value.IsString()) {
              stored.request.environment[name] = value.AsString();
            }
          }
        }
        return stored;
      }));
  if (!found) return NotFound("no pipeline run " + id.value);
  StoredRun& stored = *found;
  stored.request.folder = stored.run.folder;
  stored.request.name = stored.run.name;
  stored.request.cause = stored.run.cause;
  stored.request.platform = stored.run.platform;
  stored.request.release = stored.run.release;
  stored.request.key = stored.run.key;
  stored.run.stages = TRY(reader.All(
      "SELECT name, state, why, job, seconds FROM pipeline_stages WHERE run = ? ORDER BY position",
      {id}, [](const db::Row& row) {
        return StageRow{row.Text(0), row.Text(1), row.Text(2), row.Text(3), row.Double(4)};
      }));
  return std::move(stored);
}

Status InsertRun(db::Tx& tx, const StoredRun& stored) {
  const Run& run = stored.run;
  Json environment = Json::MakeObject();
  for (const auto& [name, value] : stored.request.environment) {
    environment.AsObject().emplace_back(name, value);
  }
  const int64_t sequence =
      TRY(tx.Count("SELECT COALESCE(MAX(sequence), 0) + 1 FROM pipeline_runs", {}));
  const std::string request = RequestText(stored.request);
  const std::string release = run.release.Dump();
  const std::string environment_text = environment.Dump();
  TRY(
      tx.Exec("INSERT INTO pipeline_runs (id, sequence, name, folder, root, work_folder, state, "
              "reason, request, environment, fingerprint, start_key, platform, release_spec, "
              "release_result, cause, event, cancel_requested, started) VALUES "
              "(?, ?, ?, ?, ?, ?, ?, '', ?, ?, ?, ?, ?, ?, 'null', ?, ?, 0, ?)",
              {run.id, sequence, run.name, run.folder, stored.root, run.work_folder,
               RunStateName(run.state), request, environment_text, stored.fingerprint, run.key,
               run.platform, release, run.cause, run.event, run.started}));
  return {};
}

Status InsertStages(db::Tx& tx, const PipelineRunId& id, const std::vector<StageRow>& stages) {
  for (size_t i = 0; i < stages.size(); ++i) {
    TRY(tx.Exec(
        "INSERT INTO pipeline_stages (run, position, name, state, why, job, seconds) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        {id, i, stages[i].name, stages[i].state, stages[i].why, stages[i].job, stages[i].seconds}));
  }
  return {};
}

Status UpdateStage(db::Tx& tx, const PipelineRunId& id, size_t position, const StageRow& stage) {
  TRY(
      tx.Exec("UPDATE pipeline_stages SET state = ?, why = ?, job = ?, seconds = ? "
              "WHERE run = ? AND position = ?",
              {stage.state, stage.why, stage.job, stage.seconds, id, position}));
  return {};
}

Result<bool> MoveRun(db::Tx& tx, const PipelineRunId& id, RunState from, RunState to,
                     const std::string& reason, Time now) {
  const bool ends = to != RunState::kReleasing;
  const int64_t moved =
      TRY(tx.Exec("UPDATE pipeline_runs SET state = ?, reason = ?, ended = ? "
                  "WHERE id = ? AND state = ?",
                  {RunStateName(to), reason, ends ? db::Value(now) : db::Value(nullptr), id,
                   RunStateName(from)}));
  return moved > 0;
}

Result<std::vector<WorkspaceRun>> LoadWorkspaceRuns(db::Reader& reader,
                                                    const std::vector<std::string>& ids) {
  std::vector<WorkspaceRun> out;
  for (const std::string& id : ids) {
    auto run = TRY(
        reader.One("SELECT name, folder, sequence, state FROM pipeline_runs WHERE id = ?", {id},
                   [&](const db::Row& row) {
                     const std::string state = row.Text(3);
                     return WorkspaceRun{PipelineRunId(id), row.Text(0) + " in " + row.Text(1),
                                         row.Int(2), state != "RUNNING" && state != "RELEASING"};
                   }));
    if (run) out.push_back(*std::move(run));
  }
  return out;
}

Status LoadDigests(db::Reader& reader, Digests& digests) {
  return reader.Query(
      "SELECT device, inode, size, modified, md5 FROM file_digests", {}, [&](const db::Row& row) {
        digests.Load({static_cast<uint64_t>(row.Int(0)), static_cast<uint64_t>(row.Int(1)),
                      row.Int(2), row.Int(3), row.Text(4)});
      });
}

Status StoreDigests(db::Tx& tx, const std::vector<Digests::Known>& known) {
  for (const Digests::Known& file : known) {
    TRY(
        tx.Exec("INSERT INTO file_digests (device, inode, size, modified, md5) "
                "VALUES (?, ?, ?, ?, ?) ON CONFLICT (device, inode) DO UPDATE SET "
                "size = excluded.size, modified = excluded.modified, md5 = excluded.md5",
                {static_cast<int64_t>(file.device), static_cast<int64_t>(file.inode), file.size,
                 file.modified_ns, file.md5}));
  }
  return {};
}

Result<Run> Pipelines::Get(db::Reader& reader, const PipelineRunId& id) {
  return TRY(LoadRun(reader, id)).run;
}

Result<std::optional<Run>> Pipelines::FindByKey(db::Reader& reader, const std::string& key) {
  if (key.empty()) return std::optional<Run>();
  const auto id = TRY(reader.One("SELECT id FROM pipeline_runs WHERE start_key = ?", {key},
                                 [](const db::Row& row) { return PipelineRunId(row.Text(0)); }));
  if (!id) return std::optional<Run>();
  return std::optional(TRY(Get(reader, *id)));
}

namespace {

Result<std::vector<Run>> LoadRuns(db::Reader& reader, const std::string& where, int64_t limit) {
  const auto ids = TRY(reader.All("SELECT id FROM pipeline_runs" + where, {limit},
                                  [](const db::Row& row) { return PipelineRunId(row.Text(0)); }));
  std::vector<Run> runs;
  for (const PipelineRunId& id : ids) runs.push_back(TRY(LoadRun(reader, id)).run);
  return runs;
}

}  // namespace

Result<std::vector<Run>> Pipelines::List(db::Reader& reader, int64_t limit) {
  return LoadRuns(reader, " ORDER BY sequence DESC LIMIT ?", limit > 0 ? limit : INT64_MAX);
}

Result<std::vector<Run>> Pipelines::ListReleasing(db::Reader& reader) {
  return LoadRuns(reader, " WHERE state = 'RELEASING' ORDER BY sequence LIMIT ?", INT64_MAX);
}

Json ToJson(const Run& run) {
  Json::Array stages;
  for (const StageRow& stage : run.stages) {
    stages.push_back(Json::Of({{"name", stage.name},
                               {"state", stage.state},
                               {"why", stage.why},
                               {"job", stage.job.empty() ? Json() : Json(stage.job)},
                               {"seconds", stage.seconds}}));
  }
  Json params = Json::MakeObject();
  for (const auto& [key, value] : run.params) params.Set(key, value);
  return Json::Of({{"id", run.id.value},
                   {"pipeline", run.name},
                   {"folder", run.folder},
                   {"work_folder", run.work_folder},
                   {"state", RunStateName(run.state)},
                   {"reason", run.reason},
                   {"started", FormatTime(run.started)},
                   {"ended", run.ended ? Json(FormatTime(*run.ended)) : Json()},
                   {"params", std::move(params)},
                   {"stages", std::move(stages)},
                   {"cause", run.cause.empty() ? Json() : Json(run.cause.value)},
                   {"event", run.event.value},
                   {"release", run.release_result}});
}

}  // namespace tatara::pipelines
