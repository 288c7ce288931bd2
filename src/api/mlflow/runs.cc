#include "api/mlflow/encode.h"
#include "api/mlflow/endpoints.h"
#include "api/mlflow/transact.h"
#include "base/strings.h"

namespace tatara::api {
namespace {

using tracking::KeyValue;
using tracking::RunStatus;

constexpr int64_t kSearchMax = 50'000;
constexpr int64_t kBulkRunsMax = 100;
constexpr int64_t kBulkResultsMax = 25'000;
constexpr int64_t kIntervalResultsMax = 2'500;
constexpr size_t kDatasetsMax = 1'000;

std::string Indexed(std::string_view name, size_t index) {
  return std::string(name) + "[" + std::to_string(index) + "]";
}

Result<RunId> RunIdOf(const Args& args) { return RunId(TRY(args.RunId())); }

// By name, or by MLflow's numbers 1 to 5.
Result<std::optional<RunStatus>> StatusOf(const Args& args) {
  if (!args.Has("status")) return std::optional<RunStatus>();
  if (const auto number = args.Int("status")) {
    if (**number >= 1 && **number <= 5) return static_cast<RunStatus>(**number - 1);
    return WrongType("status", Json(**number));
  }
  const std::string name = TRY(args.Text("status"));
  const auto status = tracking::ParseStatus(name);
  if (!status) {
    return Invalid(
        tracking::InvalidValue("status", Json(name).Dump(),
                               "Expected one of RUNNING, SCHEDULED, FINISHED, FAILED, KILLED."));
  }
  return status;
}

Result<std::string> Create(const MlflowContext& context, const Args& args) {
  tracking::NewRun wanted;
  wanted.experiment_id = args.Has("experiment_id") ? TRY(args.ExperimentId()) : int64_t{0};
  wanted.user_id = TRY(args.TextOr("user_id"));
  wanted.name = TRY(args.TextOr("run_name"));
  wanted.start_ms = TRY(args.Int("start_time"));
  if (!wanted.start_ms) wanted.start_ms = 0;
  wanted.tags = TRY(args.KeyValues("tags"));
  wanted.caller = args.caller();
  wanted.request_digest = args.digest();
  return ChangeAndShow(context, [&](db::Tx& tx, Time now) -> Result<std::string> {
    return OneBody("run", TRY(tracking::CreateRun(tx, wanted, now)), WriteRun);
  });
}

Result<std::string> Get(const MlflowContext& context, const Args& args) {
  const RunId id = TRY(RunIdOf(args));
  return Show(context, [&](db::Reader& reader) -> Result<std::string> {
    return OneBody("run", TRY(tracking::GetRun(reader, id)), WriteRun);
  });
}

Result<std::string> Update(const MlflowContext& context, const Args& args) {
  const RunId id = TRY(RunIdOf(args));
  tracking::RunChange change;
  change.status = TRY(StatusOf(args));
  change.end_ms = TRY(args.Int("end_time"));
  change.name = TRY(args.TextOr("run_name"));
  return ChangeAndShow(context, [&](db::Tx& tx, Time now) -> Result<std::string> {
    return OneBody("run_info", TRY(tracking::UpdateRun(tx, id, change, now)), WriteRunInfo);
  });
}

Result<std::string> Delete(const MlflowContext& context, const Args& args) {
  const RunId id = TRY(RunIdOf(args));
  return Change(context, [&](db::Tx& tx, Time now) { return tracking::DeleteRun(tx, id, now); });
}

Result<std::string> Restore(const MlflowContext& context, const Args& args) {
  const RunId id = TRY(RunIdOf(args));
  return Change(context, [&](db::Tx& tx, Time now) { return tracking::RestoreRun(tx, id, now); });
}

Result<std::string> Search(const MlflowContext& context, const Args& args) {
  std::vector<int64_t> experiments;
  const auto ids = TRY(args.Texts("experiment_ids"));
  for (const auto& id : ids) experiments.push_back(TRY(tracking::ParseExperimentId(id)));
  tracking::SearchRequest request;
  request.filter = TRY(args.TextOr("filter"));
  request.order_by = TRY(args.Texts("order_by"));
  request.view = TRY(ParseView(args, "run_view_type"));
  request.max_results = TRY(args.MaxResults(1000, kSearchMax));
  request.page_token = TRY(args.TextOr("page_token"));
  return Show(context, [&](db::Reader& reader) -> Result<std::string> {
    return PageBody("runs", TRY(tracking::SearchRuns(reader, experiments, request)), WriteRun);
  });
}

Result<std::string> LogMetric(const MlflowContext& context, const Args& args) {
  const RunId id = TRY(RunIdOf(args));
  const auto metric = TRY(DecodeMetric(args.fields(), ""));
  return Change(context, [&](db::Tx& tx, Time) { return tracking::LogMetric(tx, id, metric); });
}

Result<std::string> LogParameter(const MlflowContext& context, const Args& args) {
  const RunId id = TRY(RunIdOf(args));
  const KeyValue param{TRY(args.Text("key")), TRY(args.TextOr("value"))};
  return Change(context, [&](db::Tx& tx, Time) { return tracking::LogParam(tx, id, param); });
}

Result<std::string> SetTag(const MlflowContext& context, const Args& args) {
  const RunId id = TRY(RunIdOf(args));
  const KeyValue tag{TRY(args.Text("key")), TRY(args.TextOr("value"))};
  return Change(context, [&](db::Tx& tx, Time) { return tracking::SetTag(tx, id, tag); });
}

Result<std::string> DeleteTag(const MlflowContext& context, const Args& args) {
  const RunId id = TRY(RunIdOf(args));
  const std::string key = TRY(args.Text("key"));
  return Change(context, [&](db::Tx& tx, Time) { return tracking::DeleteTag(tx, id, key); });
}

Result<std::string> LogBatch(const MlflowContext& context, const Args& args) {
  const std::string id = TRY(args.RunId());
  TRY(tracking::CheckRunId(id));
  tracking::Batch batch;
  if (const Json::Array* metrics = TRY(args.List("metrics"))) {
    batch.metrics.reserve(metrics->size());
    for (size_t i = 0; i < metrics->size(); ++i) {
      batch.metrics.push_back(TRY(DecodeMetric((*metrics)[i], Indexed("metrics", i))));
    }
  }
  batch.params = TRY(args.KeyValues("params"));
  batch.tags = TRY(args.KeyValues("tags"));
  TRY(tracking::CheckBatch(batch));
  return Change(
      context, [&](db::Tx& tx, Time now) { return tracking::LogBatch(tx, RunId(id), batch, now); });
}

Result<std::optional<std::string>> TextIfAny(const ItemArgs& args, std::string_view name) {
  const Json* value = args.Find(name);
  if (value == nullptr || value->IsNull()) return std::optional<std::string>();
  return std::optional(TRY(args.TextOr(name)));
}

Result<tracking::DatasetInput> DecodeDataset(const Json& item, const std::string& path) {
  tracking::DatasetInput input;
  const Json* dataset = item.Find("dataset");
  if (dataset == nullptr || !dataset->IsObject()) return MissingValue(path + ".dataset");
  const ItemArgs fields(*dataset, path + ".dataset");
  input.dataset = {TRY(fields.Text("name")), TRY(fields.Text("digest")),
                   TRY(fields.TextOr("source_type")), TRY(fields.TextOr("source"))};
  input.dataset.schema = TRY(TextIfAny(fields, "schema"));
  input.dataset.profile = TRY(TextIfAny(fields, "profile"));
  const Json* tags = item.Find("tags");
  if (tags == nullptr || tags->IsNull()) return input;
  if (!tags->IsArray()) return WrongType(path + ".tags", *tags);
  for (size_t i = 0; i < tags->AsArray().size(); ++i) {
    const ItemArgs tag(tags->AsArray()[i], Indexed(path + ".tags", i));
    std::string key = TRY(tag.Text("key"));
    input.tags.push_back({std::move(key), TRY(tag.TextOr("value"))});
  }
  return input;
}

Result<std::vector<tracking::ModelLink>> DecodeModelLinks(const Args& args) {
  std::vector<tracking::ModelLink> links;
  const Json::Array* models = TRY(args.List("models"));
  for (size_t i = 0; models != nullptr && i < models->size(); ++i) {
    const ItemArgs model((*models)[i], Indexed("models", i));
    std::string id = TRY(model.Text("model_id"));
    links.push_back({std::move(id), TRY(model.IntOr("step", 0))});
  }
  return links;
}

Result<std::string> LogInputs(const MlflowContext& context, const Args& args) {
  const RunId id = TRY(RunIdOf(args));
  tracking::RunInputs inputs;
  const Json::Array* datasets = TRY(args.List("datasets"));
  if (datasets != nullptr && datasets->size() > kDatasetsMax) {
    return Invalid("A request can contain at most 1000 datasets. Got " +
                   std::to_string(datasets->size()) + " datasets.");
  }
  for (size_t i = 0; datasets != nullptr && i < datasets->size(); ++i) {
    inputs.datasets.push_back(TRY(DecodeDataset((*datasets)[i], Indexed("datasets", i))));
  }
  inputs.models = TRY(DecodeModelLinks(args));
  return Change(context, [&](db::Tx& tx, Time) { return tracking::LogInputs(tx, id, inputs); });
}

Result<std::string> LogOutputs(const MlflowContext& context, const Args& args) {
  const RunId id = TRY(RunIdOf(args));
  const auto models = TRY(DecodeModelLinks(args));
  return Change(context, [&](db::Tx& tx, Time) { return tracking::LogOutputs(tx, id, models); });
}

// What of a model is kept in the tag of a run's history of models, as upstream chooses it.
Result<Json> HistoryEntry(const std::string& model_json) {
  const auto model = ParseJson(model_json);
  if (!model || !model->IsObject()) {
    return Invalid("Malformed model info. \n " + model_json.substr(0, 1000) +
                   " \n is not a valid JSON.");
  }
  std::string missing;
  for (const auto* field : {"artifact_path", "flavors", "utc_time_created", "run_id"}) {
    if (model->Find(field) == nullptr)
      missing += (missing.empty() ? "'" : ", '") + std::string(field) + "'";
  }
  if (!missing.empty()) return Invalid("Model json is missing mandatory fields: {" + missing + "}");
  Json entry = Json::MakeObject();
  for (const auto* field : {"run_id", "artifact_path", "utc_time_created", "model_uuid"}) {
    if (const Json* value = model->Find(field)) entry.Set(field, *value);
  }
  Json flavors = Json::MakeObject();
  const Json* given = model->Find("flavors");
  if (given->IsObject()) {
    for (const auto& [name, config] : given->AsObject()) {
      Json kept = config;
      if (kept.IsObject())
        std::erase_if(kept.AsObject(), [](auto& m) { return m.first == "config"; });
      flavors.Set(name, std::move(kept));
    }
  }
  entry.Set("flavors", std::move(flavors));
  return entry;
}

Result<std::string> LogModel(const MlflowContext& context, const Args& args) {
  const RunId id = TRY(RunIdOf(args));
  const std::string model_json = TRY(args.Text("model_json"));
  const Json entry = TRY(HistoryEntry(model_json));
  return Change(context, [&](db::Tx& tx, Time) -> Status {
    return tracking::AppendModelHistory(tx, id, entry);
  });
}

Result<std::string> History(const MlflowContext& context, const Args& args) {
  const RunId id = TRY(RunIdOf(args));
  tracking::HistoryQuery query;
  query.key = TRY(args.Text("metric_key"));
  query.max_results = TRY(args.Int("max_results"));
  query.page_token = TRY(args.TextOr("page_token"));
  if (query.max_results && *query.max_results <= 0) {
    return Invalid("Invalid value " + std::to_string(*query.max_results) +
                   " for parameter 'max_results' supplied. It must be a positive integer.");
  }
  return Show(context, [&](db::Reader& reader) -> Result<std::string> {
    return PageBody("metrics", TRY(tracking::MetricHistory(reader, id, query)), WriteMetric);
  });
}

// The runs and the key of a history of several runs.
Result<std::pair<std::vector<std::string>, std::string>> SeriesOf(const Args& args,
                                                                  std::string_view runs) {
  auto run_ids = TRY(args.Texts(runs));
  auto key = TRY(args.Text("metric_key"));
  if (run_ids.empty()) {
    return Invalid("The request must specify at least one " + std::string(runs) + ".");
  }
  if (static_cast<int64_t>(run_ids.size()) > kBulkRunsMax) {
    return Invalid("The request cannot specify more than 100 " + std::string(runs) + ". Received " +
                   std::to_string(run_ids.size()) + ".");
  }
  return std::pair(std::move(run_ids), std::move(key));
}

// The points of several runs; unlike other lists it is there when it is empty.
Result<std::string> PointsBody(std::vector<tracking::Metric> points) {
  if (points.empty()) return std::string(R"({"metrics":[]})");
  return PageBody("metrics", tracking::Page<tracking::Metric>{std::move(points), ""}, WriteMetric);
}

Result<std::string> BulkHistory(const MlflowContext& context, const Args& args) {
  const auto [run_ids, key] = TRY(SeriesOf(args, "run_id"));
  const int64_t max_results =
      std::min(kBulkResultsMax, TRY(args.IntOr("max_results", kBulkResultsMax)));
  return Show(context, [&](db::Reader& reader) -> Result<std::string> {
    return PointsBody(TRY(tracking::BulkHistory(
        reader, {.run_ids = run_ids, .key = key, .max_results = max_results})));
  });
}

Result<std::string> IntervalHistory(const MlflowContext& context, const Args& args) {
  tracking::SampledHistoryQuery query;
  std::tie(query.run_ids, query.key) = TRY(SeriesOf(args, "run_ids"));
  query.max_results = TRY(args.IntOr("max_results", kIntervalResultsMax));
  if (query.max_results < 1 || query.max_results > kIntervalResultsMax) {
    return Invalid("max_results must be between 1 and 2500.");
  }
  const auto first = TRY(args.Int("start_step")), last = TRY(args.Int("end_step"));
  if (first.has_value() != last.has_value()) {
    return Invalid("If either start step or end step are specified, both must be specified.");
  }
  if (first && *first > *last) {
    return Invalid("end_step must be greater than start_step. Found start_step=" +
                   std::to_string(*first) + " and end_step=" + std::to_string(*last) + ".");
  }
  if (first) query.steps = {*first, *last};
  return Show(context, [&](db::Reader& reader) -> Result<std::string> {
    return PointsBody(TRY(tracking::SampledHistory(reader, query)));
  });
}

}  // namespace

std::span<const Endpoint> RunEndpoints() {
  using enum net::Verb;
  using enum net::Role;
  static constexpr Endpoint kEndpoints[] = {
      {kPost, "/runs/create", kEditor, Create, "Start a run"},
      {kGet, "/runs/get", kViewer, Get, "A run with its latest metrics, params, tags, inputs"},
      {kPost, "/runs/update", kEditor, Update, "Change a run's status, end or name"},
      {kPost, "/runs/delete", kEditor, Delete, "Mark a run deleted"},
      {kPost, "/runs/restore", kEditor, Restore, "Undo the deletion of a run"},
      {kPost, "/runs/search", kViewer, Search, "Runs by filter and order"},
      {kPost, "/runs/log-metric", kEditor, LogMetric, "Log one metric point"},
      {kPost, "/runs/log-parameter", kEditor, LogParameter, "Log one param"},
      {kPost, "/runs/set-tag", kEditor, SetTag, "Set a run's tag"},
      {kPost, "/runs/delete-tag", kEditor, DeleteTag, "Delete a run's tag"},
      {kPost, "/runs/log-batch", kEditor, LogBatch, "Metrics, params, tags: all or nothing"},
      {kPost, "/runs/log-inputs", kEditor, LogInputs, "Datasets and models that a run reads"},
      {kPost, "/runs/outputs", kEditor, LogOutputs, "Models that a run wrote"},
      {kPost, "/runs/log-model", kEditor, LogModel, "Record a model in a run's history (2.x)"},
      {kGet, "/metrics/get-history", kViewer, History, "All points of a run's metric"},
      {kGet, "/metrics/get-history-bulk", kViewer, BulkHistory, "Points of a metric, many runs"},
      {kGet, "/metrics/get-history-bulk-interval", kViewer, IntervalHistory,
       "Sampled points of a metric, many runs"},
  };
  return kEndpoints;
}

}  // namespace tatara::api
