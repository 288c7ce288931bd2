#include "api/mlflow/encode.h"
#include "api/mlflow/endpoints.h"
#include "api/mlflow/transact.h"
#include "base/strings.h"

namespace tatara::api {
namespace {

constexpr int64_t kSearchMax = 50'000;

Result<std::string> Create(const MlflowContext& context, const Args& args) {
  tracking::NewExperiment wanted;
  wanted.name = TRY(args.Text("name"));
  wanted.artifact_location = TRY(args.TextOr("artifact_location"));
  wanted.tags = TRY(args.KeyValues("tags"));
  return ChangeAndShow(context, [&](db::Tx& tx, Time now) -> Result<std::string> {
    const int64_t id = TRY(tracking::CreateExperiment(tx, wanted, now));
    return Json::Of({{"experiment_id", std::to_string(id)}}).Dump();
  });
}

Result<std::string> Get(const MlflowContext& context, const Args& args) {
  const int64_t id = TRY(args.ExperimentId());
  return Show(context, [&](db::Reader& reader) -> Result<std::string> {
    return OneBody("experiment", TRY(tracking::GetExperiment(reader, id)), WriteExperiment);
  });
}

Result<std::string> GetByName(const MlflowContext& context, const Args& args) {
  const std::string name = TRY(args.Text("experiment_name"));
  return Show(context, [&](db::Reader& reader) -> Result<std::string> {
    const auto found = TRY(tracking::FindExperiment(reader, name));
    if (!found) return NotFound("Could not find experiment with name '" + name + "'");
    return OneBody("experiment", *found, WriteExperiment);
  });
}

Result<std::string> Search(const MlflowContext& context, const Args& args) {
  tracking::SearchRequest request;
  request.filter = TRY(args.TextOr("filter"));
  request.order_by = TRY(args.Texts("order_by"));
  request.view = TRY(ParseView(args, "view_type"));
  request.max_results = TRY(args.MaxResults(1000, kSearchMax));
  request.page_token = TRY(args.TextOr("page_token"));
  return Show(context, [&](db::Reader& reader) -> Result<std::string> {
    return PageBody("experiments", TRY(tracking::SearchExperiments(reader, request)),
                    WriteExperiment);
  });
}

Result<std::string> Update(const MlflowContext& context, const Args& args) {
  const int64_t id = TRY(args.ExperimentId());
  const std::string name = TRY(args.Text("new_name"));
  return Change(
      context, [&](db::Tx& tx, Time now) { return tracking::RenameExperiment(tx, id, name, now); });
}

Result<std::string> Delete(const MlflowContext& context, const Args& args) {
  const int64_t id = TRY(args.ExperimentId());
  return Change(context,
                [&](db::Tx& tx, Time now) { return tracking::DeleteExperiment(tx, id, now); });
}

Result<std::string> Restore(const MlflowContext& context, const Args& args) {
  const int64_t id = TRY(args.ExperimentId());
  return Change(context,
                [&](db::Tx& tx, Time now) { return tracking::RestoreExperiment(tx, id, now); });
}

Result<std::string> SetTag(const MlflowContext& context, const Args& args) {
  const int64_t id = TRY(args.ExperimentId());
  const tracking::KeyValue tag{TRY(args.Text("key")), TRY(args.TextOr("value"))};
  return Change(context, [&](db::Tx& tx, Time) { return tracking::SetExperimentTag(tx, id, tag); });
}

Result<std::string> DeleteTag(const MlflowContext& context, const Args& args) {
  const int64_t id = TRY(args.ExperimentId());
  const std::string key = TRY(args.Text("key"));
  return Change(context,
                [&](db::Tx& tx, Time) { return tracking::DeleteExperimentTag(tx, id, key); });
}

}  // namespace

std::span<const Endpoint> ExperimentEndpoints() {
  using enum net::Verb;
  using enum net::Role;
  static constexpr Endpoint kEndpoints[] = {
      {kPost, "/experiments/create", kEditor, Create, "Make an experiment"},
      {kGet, "/experiments/get", kViewer, Get, "An experiment by id"},
      {kGet, "/experiments/get-by-name", kViewer, GetByName, "An experiment by name"},
      {kPost, "/experiments/search", kViewer, Search, "Experiments by filter and order"},
      {kGet, "/experiments/search", kViewer, Search, "Experiments by filter and order"},
      {kPost, "/experiments/update", kEditor, Update, "Rename an experiment"},
      {kPost, "/experiments/delete", kEditor, Delete, "Mark an experiment and its runs deleted"},
      {kPost, "/experiments/restore", kEditor, Restore, "Undo the deletion of an experiment"},
      {kPost, "/experiments/set-experiment-tag", kEditor, SetTag, "Set an experiment's tag"},
      {kPost, "/experiments/delete-experiment-tag", kEditor, DeleteTag,
       "Delete an experiment's tag"},
  };
  return kEndpoints;
}

}  // namespace tatara::api
