#include "api/mlflow/encode.h"
#include "api/mlflow/endpoints.h"
#include "api/mlflow/transact.h"

namespace tatara::api {
namespace {

using tracking::KeyValue;

constexpr int64_t kModelsMax = 1'000;
constexpr int64_t kVersionsMax = 200'000;

struct VersionKey {
  std::string name;
  int64_t version = 0;
};
Result<VersionKey> VersionOf(const Args& args) {
  std::string name = TRY(args.Text("name"));
  // Some clients send the number as a number.
  if (const auto number = args.Int("version"); number && *number) {
    return VersionKey{std::move(name), **number};
  }
  const std::string version = TRY(args.Text("version"));
  return VersionKey{std::move(name), TRY(ParseVersionNumber(version))};
}

std::string ModelBody(const registry::Model& model) {
  return OneBody("registered_model", model, WriteModel);
}
std::string VersionBody(const registry::Version& version) {
  return OneBody("model_version", version, WriteVersion);
}
std::string VersionsBody(std::vector<registry::Version> versions) {
  return PageBody("model_versions", tracking::Page<registry::Version>{std::move(versions), ""},
                  WriteVersion);
}

Result<std::string> CreateModel(const MlflowContext& context, const Args& args) {
  const registry::NewModel wanted{TRY(args.Text("name")), TRY(args.TextOr("description")),
                                  TRY(args.KeyValues("tags"))};
  return ChangeAndShow(context, [&](db::Tx& tx, Time now) -> Result<std::string> {
    return ModelBody(TRY(registry::CreateModel(tx, wanted, now)));
  });
}

Result<std::string> GetModel(const MlflowContext& context, const Args& args) {
  const std::string name = TRY(args.Text("name"));
  return Show(context, [&](db::Reader& reader) -> Result<std::string> {
    return ModelBody(TRY(registry::GetModel(reader, name)));
  });
}

Result<std::string> UpdateModel(const MlflowContext& context, const Args& args) {
  const std::string name = TRY(args.Text("name"));
  const std::string description = TRY(args.TextOr("description"));
  return ChangeAndShow(context, [&](db::Tx& tx, Time now) -> Result<std::string> {
    return ModelBody(TRY(registry::UpdateModel(tx, name, description, now)));
  });
}

Result<std::string> RenameModel(const MlflowContext& context, const Args& args) {
  const std::string name = TRY(args.Text("name"));
  const std::string to = TRY(args.Text("new_name"));
  return ChangeAndShow(context, [&](db::Tx& tx, Time now) -> Result<std::string> {
    return ModelBody(TRY(registry::RenameModel(tx, name, to, now)));
  });
}

Result<std::string> DeleteModel(const MlflowContext& context, const Args& args) {
  const std::string name = TRY(args.Text("name"));
  return Change(context,
                [&](db::Tx& tx, Time now) { return registry::DeleteModel(tx, name, now); });
}

Result<tracking::SearchRequest> SearchOf(const Args& args, int64_t otherwise, int64_t max) {
  tracking::SearchRequest request;
  request.filter = TRY(args.TextOr("filter"));
  request.order_by = TRY(args.Texts("order_by"));
  request.max_results = TRY(args.MaxResults(otherwise, max));
  request.page_token = TRY(args.TextOr("page_token"));
  return request;
}

Result<std::string> SearchModels(const MlflowContext& context, const Args& args) {
  const auto request = TRY(SearchOf(args, 100, kModelsMax));
  return Show(context, [&](db::Reader& reader) -> Result<std::string> {
    return PageBody("registered_models", TRY(registry::SearchModels(reader, request)), WriteModel);
  });
}

Result<std::string> SearchVersions(const MlflowContext& context, const Args& args) {
  const auto request = TRY(SearchOf(args, kVersionsMax, kVersionsMax));
  return Show(context, [&](db::Reader& reader) -> Result<std::string> {
    return PageBody("model_versions", TRY(registry::SearchVersions(reader, request)), WriteVersion);
  });
}

Result<std::string> LatestVersions(const MlflowContext& context, const Args& args) {
  const std::string name = TRY(args.Text("name"));
  const auto stages = TRY(args.Texts("stages"));
  return Show(context, [&](db::Reader& reader) -> Result<std::string> {
    return VersionsBody(TRY(registry::LatestVersions(reader, name, stages)));
  });
}

Result<std::string> SetModelTag(const MlflowContext& context, const Args& args) {
  const std::string name = TRY(args.Text("name"));
  const KeyValue tag{TRY(args.Text("key")), TRY(args.TextOr("value"))};
  return Change(context, [&](db::Tx& tx, Time) { return registry::SetModelTag(tx, name, tag); });
}

Result<std::string> DeleteModelTag(const MlflowContext& context, const Args& args) {
  const std::string name = TRY(args.Text("name"));
  const std::string key = TRY(args.Text("key"));
  return Change(context, [&](db::Tx& tx, Time) { return registry::DeleteModelTag(tx, name, key); });
}

Result<std::string> CreateVersion(const MlflowContext& context, const Args& args) {
  registry::NewVersion wanted;
  wanted.name = TRY(args.Text("name"));
  wanted.source = TRY(args.Text("source"));
  wanted.run_id = TRY(args.TextOr("run_id"));
  wanted.run_link = TRY(args.TextOr("run_link"));
  wanted.model_id = TRY(args.TextOr("model_id"));
  wanted.description = TRY(args.TextOr("description"));
  wanted.tags = TRY(args.KeyValues("tags"));
  return ChangeAndShow(context, [&](db::Tx& tx, Time now) -> Result<std::string> {
    return VersionBody(TRY(registry::CreateVersion(tx, wanted, now)));
  });
}

Result<std::string> GetVersion(const MlflowContext& context, const Args& args) {
  const auto key = TRY(VersionOf(args));
  return Show(context, [&](db::Reader& reader) -> Result<std::string> {
    return VersionBody(TRY(registry::GetVersion(reader, key.name, key.version)));
  });
}

Result<std::string> UpdateVersion(const MlflowContext& context, const Args& args) {
  const auto key = TRY(VersionOf(args));
  const std::string description = TRY(args.TextOr("description"));
  return ChangeAndShow(context, [&](db::Tx& tx, Time now) -> Result<std::string> {
    return VersionBody(TRY(registry::UpdateVersion(tx, key.name, key.version, description, now)));
  });
}

Result<std::string> DeleteVersion(const MlflowContext& context, const Args& args) {
  const auto key = TRY(VersionOf(args));
  return Change(context, [&](db::Tx& tx, Time now) {
    return registry::DeleteVersion(tx, key.name, key.version, now);
  });
}

Result<std::string> TransitionStage(const MlflowContext& context, const Args& args) {
  const auto key = TRY(VersionOf(args));
  const registry::StageChange change{TRY(args.Text("stage")),
                                     TRY(args.BoolOr("archive_existing_versions", false))};
  return ChangeAndShow(context, [&](db::Tx& tx, Time now) -> Result<std::string> {
    return VersionBody(TRY(registry::TransitionStage(tx, key.name, key.version, change, now)));
  });
}

Result<std::string> DownloadUri(const MlflowContext& context, const Args& args) {
  const auto key = TRY(VersionOf(args));
  return Show(context, [&](db::Reader& reader) -> Result<std::string> {
    const auto version = TRY(registry::GetVersion(reader, key.name, key.version));
    return Json::Of({{"artifact_uri", version.storage_location}}).Dump();
  });
}

Result<std::string> SetVersionTag(const MlflowContext& context, const Args& args) {
  const auto key = TRY(VersionOf(args));
  const KeyValue tag{TRY(args.Text("key")), TRY(args.TextOr("value"))};
  return Change(context, [&](db::Tx& tx, Time) {
    return registry::SetVersionTag(tx, key.name, key.version, tag);
  });
}

Result<std::string> DeleteVersionTag(const MlflowContext& context, const Args& args) {
  const auto key = TRY(VersionOf(args));
  const std::string tag = TRY(args.Text("key"));
  return Change(context, [&](db::Tx& tx, Time) {
    return registry::DeleteVersionTag(tx, key.name, key.version, tag);
  });
}

Result<std::string> SetAlias(const MlflowContext& context, const Args& args) {
  const auto key = TRY(VersionOf(args));
  const registry::AliasMove move{
      .model = key.name, .alias = TRY(args.Text("alias")), .version = key.version};
  auto answer = Change(context, [&](db::Tx& tx, Time now) -> Status {
    TRY(registry::SetAlias(tx, move, now));
    return {};
  });
  if (answer && context.alias_moved) context.alias_moved();
  return answer;
}

Result<std::string> DeleteAlias(const MlflowContext& context, const Args& args) {
  const std::string name = TRY(args.Text("name"));
  const std::string alias = TRY(args.Text("alias"));
  auto answer = Change(
      context, [&](db::Tx& tx, Time now) { return registry::DeleteAlias(tx, name, alias, now); });
  if (answer && context.alias_moved) context.alias_moved();
  return answer;
}

Result<std::string> GetByAlias(const MlflowContext& context, const Args& args) {
  const std::string name = TRY(args.Text("name"));
  const std::string alias = TRY(args.Text("alias"));
  return Show(context, [&](db::Reader& reader) -> Result<std::string> {
    return VersionBody(TRY(registry::GetVersionByAlias(reader, name, alias)));
  });
}

}  // namespace

std::span<const Endpoint> RegistryEndpoints() {
  using enum net::Verb;
  using enum net::Role;
  static constexpr Endpoint kEndpoints[] = {
      {kPost, "/registered-models/create", kEditor, CreateModel, "Make a registered model"},
      {kGet, "/registered-models/get", kViewer, GetModel, "A registered model"},
      {kPatch, "/registered-models/update", kEditor, UpdateModel, "Describe a registered model"},
      {kPost, "/registered-models/rename", kEditor, RenameModel, "Rename a registered model"},
      {kDelete, "/registered-models/delete", kEditor, DeleteModel, "Delete a registered model"},
      {kGet, "/registered-models/search", kViewer, SearchModels, "Registered models by filter"},
      {kPost, "/registered-models/get-latest-versions", kViewer, LatestVersions,
       "The highest version of each stage"},
      {kGet, "/registered-models/get-latest-versions", kViewer, LatestVersions,
       "The highest version of each stage"},
      {kPost, "/registered-models/set-tag", kEditor, SetModelTag, "Set a registered model's tag"},
      {kDelete, "/registered-models/delete-tag", kEditor, DeleteModelTag,
       "Delete a registered model's tag"},
      {kPost, "/registered-models/alias", kEditor, SetAlias, "Point an alias at a version"},
      {kGet, "/registered-models/alias", kViewer, GetByAlias, "The version behind an alias"},
      {kDelete, "/registered-models/alias", kEditor, DeleteAlias, "Delete an alias"},
      {kPost, "/model-versions/create", kEditor, CreateVersion, "Register the next version"},
      {kGet, "/model-versions/get", kViewer, GetVersion, "A version of a registered model"},
      {kPatch, "/model-versions/update", kEditor, UpdateVersion, "Describe a version"},
      {kDelete, "/model-versions/delete", kEditor, DeleteVersion, "Delete a version"},
      {kGet, "/model-versions/search", kViewer, SearchVersions, "Versions by filter and order"},
      {kPost, "/model-versions/transition-stage", kEditor, TransitionStage,
       "Move a version to a stage"},
      {kGet, "/model-versions/get-download-uri", kViewer, DownloadUri,
       "Where a version's files are"},
      {kPost, "/model-versions/set-tag", kEditor, SetVersionTag, "Set a version's tag"},
      {kDelete, "/model-versions/delete-tag", kEditor, DeleteVersionTag, "Delete a version's tag"},
  };
  return kEndpoints;
}

}  // namespace tatara::api
