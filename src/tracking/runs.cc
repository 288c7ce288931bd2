#include "tracking/runs.h"

#include <algorithm>
#include <array>

#include "base/strings.h"
#include "events/events.h"
#include "os/random.h"
#include "tracking/experiments.h"
#include "tracking/store.h"
#include "tracking/validate.h"

namespace tatara::tracking {
namespace {

constexpr std::string_view kRunNameTag = "mlflow.runName";
constexpr std::string_view kAttemptTag = "tatara.attempt";

std::unexpected<Error> NoRun(std::string_view id) {
  return NotFound("Run with id=" + std::string(id) + " not found");
}

std::string Subject(const RunId& id) { return "runs:/" + id.value; }

Result<std::string> ChooseName(const NewRun& wanted) {
  const auto tag = std::ranges::find(wanted.tags, kRunNameTag, &KeyValue::key);
  if (tag == wanted.tags.end()) return wanted.name.empty() ? RandomName() : wanted.name;
  if (!wanted.name.empty() && !tag->value.empty() && tag->value != wanted.name) {
    return Invalid(
        "Both 'run_name' argument and 'mlflow.runName' tag are specified, but with different "
        "values (run_name='" +
        wanted.name + "', mlflow.runName='" + tag->value + "').");
  }
  if (!wanted.name.empty()) return wanted.name;
  return tag->value.empty() ? RandomName() : tag->value;
}

Result<std::optional<int64_t>> RunOfRequest(db::Tx& tx, const NewRun& wanted) {
  if (wanted.caller.empty() || wanted.request_digest.empty()) return std::optional<int64_t>();
  return tx.One("SELECT run_number FROM runs WHERE caller = ? AND request_digest = ?",
                {wanted.caller, wanted.request_digest},
                [](const db::Row& row) { return row.Int(0); });
}

Result<Run> OneRun(db::Reader& reader, int64_t number) {
  auto runs = TRY(LoadRuns(reader, {number}));
  CHECK(runs.size() == 1);
  return std::move(runs[0]);
}

Status WriteParam(db::Tx& tx, const RunRow& run, const KeyValue& param, std::string& old_value) {
  const int64_t written =
      TRY(tx.Exec("INSERT INTO run_params (run_number, key, value, experiment_id) "
                  "VALUES (?, ?, ?, ?) ON CONFLICT (run_number, key) DO NOTHING",
                  {run.number, param.key, param.value, run.experiment_id}));
  old_value = param.value;
  if (written == 0) {
    TRY(tx.Query("SELECT value FROM run_params WHERE run_number = ? AND key = ?",
                 {run.number, param.key}, [&](const db::Row& row) { old_value = row.Text(0); }));
  }
  return {};
}

Status WriteParams(db::Tx& tx, const RunId& id, const RunRow& run,
                   const std::vector<KeyValue>& params) {
  std::string conflicts;
  for (const auto& param : params) {
    std::string old_value;
    TRY(WriteParam(tx, run, param, old_value));
    if (old_value == param.value) continue;
    if (!conflicts.empty()) conflicts += ", ";
    conflicts += "{'key': '" + param.key + "', 'old_value': '" + old_value + "', 'new_value': '" +
                 param.value + "'}";
  }
  if (conflicts.empty()) return {};
  return Invalid("Changing param values is not allowed. Params were already logged='[" + conflicts +
                 "]' for run ID='" + id.value + "'.");
}

Status CheckCount(std::string_view what, int64_t count_max, size_t count) {
  if (static_cast<int64_t>(count) <= count_max) return {};
  const std::string name(what);
  return Invalid("A batch logging request can contain at most " + std::to_string(count_max) + " " +
                 name + ". Got " + std::to_string(count) + " " + name + ". Please split up " +
                 name + " across multiple requests and try again.");
}

Status CheckUniqueParams(const std::vector<KeyValue>& params) {
  std::vector<std::string_view> keys;
  for (const auto& param : params) keys.push_back(param.key);
  std::ranges::sort(keys);
  std::string doubled;
  for (size_t i = 1; i < keys.size(); ++i) {
    if (keys[i] != keys[i - 1]) continue;
    doubled += (doubled.empty() ? "'" : ", '") + std::string(keys[i]) + "'";
  }
  if (doubled.empty()) return {};
  return Invalid("Duplicate parameter keys have been submitted: [" + doubled +
                 "]. Please ensure the request contains only one param value per param key.");
}

std::string Indexed(std::string_view name, size_t index) {
  return std::string(name) + "[" + std::to_string(index) + "]";
}

}  // namespace

std::string RandomName() {
  static constexpr std::array kAdjectives = {
      "able",  "bold",  "brave", "calm",  "clean",  "clever", "eager", "fair",  "gentle",
      "glad",  "grand", "keen",  "kind",  "lively", "lucky",  "mild",  "noble", "quick",
      "quiet", "rare",  "sharp", "smart", "steady", "swift",  "wise"};
  static constexpr std::array kNouns = {"ant",  "bear",  "bee",  "crane", "crow",  "deer", "dove",
                                        "fox",  "goat",  "hare", "hawk",  "heron", "ibis", "koi",
                                        "lark", "lynx",  "moth", "newt",  "otter", "owl",  "panda",
                                        "seal", "snail", "swan", "wren"};
  const uint64_t dice = os::RandomU64();
  return std::string(kAdjectives[dice % kAdjectives.size()]) + "-" +
         kNouns[(dice >> 16) % kNouns.size()] + "-" + std::to_string((dice >> 32) % 1000);
}

Status AppendEvent(db::Tx& tx, Time now, std::string_view type, std::string subject,
                   std::initializer_list<std::pair<std::string, std::string>> detail) {
  events::NewEvent event{.time = now,
                         .source = "tatara.tracking",
                         .type = std::string(type),
                         .subject = std::move(subject)};
  for (const auto& [key, value] : detail) event.detail.Set(key, value);
  TRY(events::Append(tx, std::move(event)));
  return {};
}

Result<RunRow> FindRun(db::Reader& reader, std::string_view id) {
  const auto row = TRY(reader.One(
      "SELECT run_number, experiment_id, lifecycle_stage FROM runs WHERE run_id = ?", {id},
      [](const db::Row& r) { return RunRow{r.Int(0), r.Int(1), r.View(2) == "active"}; }));
  if (!row) return NoRun(id);
  return *row;
}

Result<RunRow> FindActiveRun(db::Reader& reader, std::string_view id) {
  const RunRow row = TRY(FindRun(reader, id));
  if (row.active) return row;
  return Invalid("The run " + std::string(id) +
                 " must be in the 'active' state. Current state is deleted.");
}

Result<Run> CreateRun(db::Tx& tx, const NewRun& wanted, Time now) {
  if (const auto earlier = TRY(RunOfRequest(tx, wanted))) return OneRun(tx, *earlier);
  const Experiment experiment = TRY(GetExperiment(tx, wanted.experiment_id));
  if (experiment.stage != Stage::kActive) {
    return Invalid("The experiment " + std::to_string(experiment.id) +
                   " must be in the 'active' state. Current state is deleted.");
  }
  const std::string name = TRY(ChooseName(wanted));
  const RunId id(os::NewId(now));
  const RunRow run{TRY(tx.Count("SELECT MAX(run_number) + 1 FROM runs", {})), experiment.id, true};
  const std::string location = experiment.artifact_location + "/" + id.value + "/artifacts";
  TRY(
      tx.Exec("INSERT INTO runs (run_number, run_id, experiment_id, name, user_id, status, "
              "start_ms, lifecycle_stage, artifact_uri, caller, request_digest) "
              "VALUES (?, ?, ?, ?, ?, 'RUNNING', ?, 'active', ?, ?, ?)",
              {run.number, id, experiment.id, name, wanted.user_id, wanted.start_ms, location,
               wanted.caller, wanted.request_digest}));
  std::vector<KeyValue> tags = wanted.tags;
  for (size_t i = 0; i < tags.size(); ++i) TRY(CheckTag(tags[i], Indexed("tags", i)));
  std::erase_if(tags, [](const KeyValue& tag) { return tag.key == kRunNameTag; });
  tags.push_back({std::string(kRunNameTag), name});
  if (!wanted.caller.empty()) tags.push_back({std::string(kAttemptTag), wanted.caller});
  TRY(SetTags(tx, run, tags));
  TRY(AppendEvent(tx, now, "run_created", Subject(id),
                  {{"run_id", id.value},
                   {"experiment", experiment.name},
                   {"name", name},
                   {"attempt", wanted.caller}}));
  return OneRun(tx, run.number);
}

Result<RunInfo> UpdateRun(db::Tx& tx, const RunId& id, const RunChange& change, Time now) {
  const RunRow row = TRY(FindActiveRun(tx, id.value));
  RunInfo info = TRY(LoadRunInfo(tx, row.number));
  const RunStatus before = info.status;
  info.status = change.status.value_or(before);
  if (change.end_ms) info.end_ms = change.end_ms;
  if (!change.name.empty()) info.name = change.name;
  TRY(tx.Exec("UPDATE runs SET status = ?, end_ms = ?, name = ? WHERE run_number = ?",
              {StatusName(info.status), info.end_ms, info.name, row.number}));
  if (!change.name.empty()) {
    KeyValue tag{std::string(kRunNameTag), change.name};
    TRY(CheckTag(tag, ""));
    TRY(SetTags(tx, row, {tag}));
  }
  if (info.status != before) {
    TRY(AppendEvent(tx, now, "run_status_changed", Subject(id),
                    {{"run_id", id.value},
                     {"status", std::string(StatusName(info.status))},
                     {"previous", std::string(StatusName(before))}}));
  }
  return info;
}

Status DeleteRun(db::Tx& tx, const RunId& id, Time now) {
  const RunRow row = TRY(FindRun(tx, id.value));
  TRY(tx.Exec("UPDATE runs SET lifecycle_stage = 'deleted', deleted_ms = ? WHERE run_number = ?",
              {ToMillis(now), row.number}));
  return AppendEvent(tx, now, "run_deleted", Subject(id), {{"run_id", id.value}});
}

Status RestoreRun(db::Tx& tx, const RunId& id, Time now) {
  const RunRow row = TRY(FindRun(tx, id.value));
  TRY(tx.Exec("UPDATE runs SET lifecycle_stage = 'active', deleted_ms = NULL WHERE run_number = ?",
              {row.number}));
  return AppendEvent(tx, now, "run_restored", Subject(id), {{"run_id", id.value}});
}

Status CheckBatch(Batch& batch) {
  for (size_t i = 0; i < batch.metrics.size(); ++i) {
    TRY(CheckMetric(batch.metrics[i], Indexed("metrics", i)));
  }
  for (size_t i = 0; i < batch.params.size(); ++i) {
    TRY(CheckParam(batch.params[i], Indexed("params", i)));
  }
  for (size_t i = 0; i < batch.tags.size(); ++i) {
    TRY(CheckTag(batch.tags[i], Indexed("tags", i)));
  }
  TRY(CheckCount("metrics", kBatchMetricsMax, batch.metrics.size()));
  TRY(CheckCount("params", kBatchParamsMax, batch.params.size()));
  TRY(CheckCount("tags", kBatchTagsMax, batch.tags.size()));
  TRY(CheckCount("metrics, params, and tags", kBatchEntitiesMax,
                 batch.metrics.size() + batch.params.size() + batch.tags.size()));
  return CheckUniqueParams(batch.params);
}

Status LogBatch(db::Tx& tx, const RunId& id, const Batch& batch, Time now) {
  const RunRow run = TRY(FindActiveRun(tx, id.value));
  TRY(WriteParams(tx, id, run, batch.params));
  TRY(InsertMetrics(tx, run, batch.metrics));
  TRY(InsertModelMetrics(tx, id, batch.metrics));
  for (const auto& tag : batch.tags) {
    if (tag.key == kRunNameTag) TRY(UpdateRun(tx, id, {.name = tag.value}, now));
  }
  return SetTags(tx, run, batch.tags);
}

Status LogMetric(db::Tx& tx, const RunId& id, const Metric& metric) {
  TRY(CheckMetric(metric, ""));
  const RunRow run = TRY(FindActiveRun(tx, id.value));
  TRY(InsertMetrics(tx, run, {metric}));
  return InsertModelMetrics(tx, id, {metric});
}

Status LogParam(db::Tx& tx, const RunId& id, KeyValue param) {
  TRY(CheckParam(param, ""));
  const RunRow run = TRY(FindActiveRun(tx, id.value));
  std::string old_value;
  TRY(WriteParam(tx, run, param, old_value));
  if (old_value == param.value) return {};
  return Invalid("Changing param values is not allowed. Param with key='" + param.key +
                 "' was already logged with value='" + old_value + "' for run ID='" + id.value +
                 "'. Attempted logging new value '" + param.value + "'.");
}

Status SetTag(db::Tx& tx, const RunId& id, KeyValue tag) {
  TRY(CheckTag(tag, ""));
  const RunRow run = TRY(FindActiveRun(tx, id.value));
  if (tag.key == kRunNameTag && !tag.value.empty()) {
    TRY(tx.Exec("UPDATE runs SET name = ? WHERE run_number = ?", {tag.value, run.number}));
  }
  return SetTags(tx, run, {tag});
}

Status SetTags(db::Tx& tx, const RunRow& run, const std::vector<KeyValue>& tags) {
  for (const auto& tag : tags) {
    TRY(
        tx.Exec("INSERT INTO run_tags (run_number, key, value, experiment_id) VALUES (?, ?, ?, ?) "
                "ON CONFLICT (run_number, key) DO UPDATE SET value = excluded.value",
                {run.number, tag.key, tag.value, run.experiment_id}));
  }
  return {};
}

Status DeleteTag(db::Tx& tx, const RunId& id, std::string_view key) {
  const RunRow run = TRY(FindActiveRun(tx, id.value));
  if (TRY(tx.Exec("DELETE FROM run_tags WHERE run_number = ? AND key = ?", {run.number, key})) ==
      0) {
    return NotFound("No tag with name: " + std::string(key) + " in run with id " + id.value);
  }
  return {};
}

Status AppendModelHistory(db::Tx& tx, const RunId& id, const Json& entry) {
  constexpr std::string_view kHistoryTag = "mlflow.log-model.history";
  const RunRow run = TRY(FindActiveRun(tx, id.value));
  const auto before =
      TRY(tx.One("SELECT value FROM run_tags WHERE run_number = ? AND key = ?",
                 {run.number, kHistoryTag}, [](const db::Row& row) { return row.Text(0); }));
  Json history = Json::MakeArray();
  if (auto parsed = ParseJson(before.value_or("[]")); parsed && parsed->IsArray()) {
    history = *std::move(parsed);
  }
  history.Append(entry);
  return SetTags(tx, run, {{std::string(kHistoryTag), history.Dump()}});
}

Result<Run> GetRun(db::Reader& reader, const RunId& id) {
  return OneRun(reader, TRY(FindRun(reader, id.value)).number);
}

Result<std::vector<Run>> RunsOfCaller(db::Reader& reader, std::string_view caller) {
  if (caller.empty()) return std::vector<Run>();
  const auto numbers =
      TRY(reader.All("SELECT run_number FROM runs WHERE caller = ? AND caller <> '' "
                     "ORDER BY run_number",
                     {caller}, [](const db::Row& row) { return row.Int(0); }));
  return LoadRuns(reader, numbers);
}

}  // namespace tatara::tracking
