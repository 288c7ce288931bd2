#include "api/mlflow/encode.h"
#include "api/mlflow/endpoints.h"
#include "api/mlflow/transact.h"

namespace tatara::api {
namespace {

using tracking::ModelStatus;

constexpr int64_t kSearchMax = 50'000;

Result<std::string> Create(const MlflowContext& context, const Args& args) {
  tracking::NewLoggedModel wanted;
  wanted.experiment_id = TRY(args.ExperimentId());
  wanted.name = TRY(args.TextOr("name"));
  wanted.model_type = TRY(args.TextOr("model_type"));
  wanted.source_run_id = TRY(args.TextOr("source_run_id"));
  wanted.params = TRY(args.KeyValues("params"));
  wanted.tags = TRY(args.KeyValues("tags"));
  return ChangeAndShow(context, [&](db::Tx& tx, Time now) -> Result<std::string> {
    return OneBody("model", TRY(tracking::CreateLoggedModel(tx, wanted, now)), WriteLoggedModel);
  });
}

Result<std::string> Get(const MlflowContext& context, const Args& args) {
  const std::string id = TRY(args.Text("model_id"));
  const bool also_deleted = TRY(args.BoolOr("allow_deleted", false));
  return Show(context, [&](db::Reader& reader) -> Result<std::string> {
    return OneBody("model", TRY(tracking::GetLoggedModel(reader, id, also_deleted)),
                   WriteLoggedModel);
  });
}

Result<ModelStatus> StatusOf(const Args& args) {
  if (const auto number = args.Int("status"); number && *number) {
    if (**number >= 1 && **number <= 3) return static_cast<ModelStatus>(**number);
    return WrongType("status", Json(**number));
  }
  const std::string name = TRY(args.Text("status"));
  if (name == "LOGGED_MODEL_PENDING") return ModelStatus::kPending;
  if (name == "LOGGED_MODEL_READY") return ModelStatus::kReady;
  if (name == "LOGGED_MODEL_UPLOAD_FAILED") return ModelStatus::kUploadFailed;
  return WrongType("status", Json(name));
}

Result<std::string> Finalize(const MlflowContext& context, const Args& args) {
  const std::string id = TRY(args.Text("model_id"));
  const ModelStatus status = TRY(StatusOf(args));
  return ChangeAndShow(context, [&](db::Tx& tx, Time now) -> Result<std::string> {
    return OneBody("model", TRY(tracking::FinalizeLoggedModel(tx, id, status, now)),
                   WriteLoggedModel);
  });
}

Result<std::string> Delete(const MlflowContext& context, const Args& args) {
  const std::string id = TRY(args.Text("model_id"));
  return Change(context,
                [&](db::Tx& tx, Time now) { return tracking::DeleteLoggedModel(tx, id, now); });
}

Result<std::string> LogParams(const MlflowContext& context, const Args& args) {
  const std::string id = TRY(args.Text("model_id"));
  const auto params = TRY(args.KeyValues("params"));
  return Change(context,
                [&](db::Tx& tx, Time) { return tracking::LogModelParams(tx, id, params); });
}

Result<std::string> SetTags(const MlflowContext& context, const Args& args) {
  const std::string id = TRY(args.Text("model_id"));
  const auto tags = TRY(args.KeyValues("tags"));
  return Change(context, [&](db::Tx& tx, Time) { return tracking::SetModelTags(tx, id, tags); });
}

Result<std::string> DeleteTag(const MlflowContext& context, const Args& args) {
  const std::string id = TRY(args.Text("model_id"));
  const std::string key = TRY(args.Text("tag_key"));
  return Change(context, [&](db::Tx& tx, Time) { return tracking::DeleteModelTag(tx, id, key); });
}

Result<std::vector<tracking::ModelOrder>> DecodeOrder(const Args& args) {
  std::vector<tracking::ModelOrder> out;
  const Json::Array* list = TRY(args.List("order_by"));
  for (size_t i = 0; list != nullptr && i < list->size(); ++i) {
    const ItemArgs item((*list)[i], "order_by[" + std::to_string(i) + "]");
    tracking::ModelOrder order;
    order.field = TRY(item.Text("field_name"));
    order.ascending = TRY((*list)[i].GetBoolOr("ascending", true));
    order.dataset_name = TRY(item.TextOr("dataset_name"));
    order.dataset_digest = TRY(item.TextOr("dataset_digest"));
    out.push_back(std::move(order));
  }
  return out;
}

Result<std::string> Search(const MlflowContext& context, const Args& args) {
  tracking::ModelSearchRequest request;
  const auto ids = TRY(args.Texts("experiment_ids"));
  if (!args.Has("experiment_ids")) return MissingValue("experiment_ids");
  for (const auto& id : ids) request.experiments.push_back(TRY(tracking::ParseExperimentId(id)));
  request.filter = TRY(args.TextOr("filter"));
  const Json::Array* datasets = TRY(args.List("datasets"));
  for (size_t i = 0; datasets != nullptr && i < datasets->size(); ++i) {
    const ItemArgs item((*datasets)[i], "datasets[" + std::to_string(i) + "]");
    std::string name = TRY(item.TextOr("dataset_name"));
    request.datasets.push_back({std::move(name), TRY(item.TextOr("dataset_digest"))});
  }
  request.order_by = TRY(DecodeOrder(args));
  request.max_results = TRY(args.MaxResults(50, kSearchMax));
  request.page_token = TRY(args.TextOr("page_token"));
  return Show(context, [&](db::Reader& reader) -> Result<std::string> {
    return PageBody("models", TRY(tracking::SearchLoggedModels(reader, request)), WriteLoggedModel);
  });
}

}  // namespace

std::span<const Endpoint> LoggedModelEndpoints() {
  using enum net::Verb;
  using enum net::Role;
  static constexpr Endpoint kEndpoints[] = {
      {kPost, "/logged-models", kEditor, Create, "Make a logged model, pending"},
      {kPost, "/logged-models/search", kViewer, Search, "Logged models by filter and order"},
      {kGet, "/logged-models/{model_id}", kViewer, Get, "A logged model"},
      {kPatch, "/logged-models/{model_id}", kEditor, Finalize, "Say that its upload ended"},
      {kDelete, "/logged-models/{model_id}", kEditor, Delete, "Mark a logged model deleted"},
      {kPost, "/logged-models/{model_id}/params", kEditor, LogParams, "Log a model's params"},
      {kPatch, "/logged-models/{model_id}/tags", kEditor, SetTags, "Set a model's tags"},
      {kDelete, "/logged-models/{model_id}/tags/{tag_key}", kEditor, DeleteTag,
       "Delete a model's tag"},
  };
  return kEndpoints;
}

}  // namespace tatara::api
