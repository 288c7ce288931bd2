// From a URI to files: models:/, runs:/, artifact URIs; and the ONNX file of an MLmodel folder.
#include <algorithm>

#include "base/strings.h"
#include "base/yaml.h"
#include "registry/rows.h"

namespace tatara::registry {
namespace {

constexpr int64_t kMlmodelBytesMax = 4 << 20;

std::unexpected<Error> BadModelUri(std::string_view uri) {
  return Invalid("Not a model URI: '" + std::string(uri) +
                 "'. Expected models:/NAME/VERSION, models:/NAME@ALIAS or models:/m-ID");
}

Result<Version> LatestOf(db::Reader& reader, std::string_view name, std::string_view stage) {
  const bool any = EqualsIgnoreCase(stage, "latest");
  auto versions = TRY(LatestVersions(
      reader, name, any ? std::vector<std::string>() : std::vector{std::string(stage)}));
  const auto newest = std::ranges::max_element(versions, {}, &Version::version);
  if (newest == versions.end()) {
    return NotFound("Model '" + std::string(name) + "' has no version" +
                    (any ? "" : " in stage " + std::string(stage)));
  }
  return std::move(*newest);
}

// "NAME/N", "NAME/latest", "NAME/STAGE" or "NAME@ALIAS".
Result<Resolved> ResolveRegistered(db::Reader& reader, std::string_view rest,
                                   std::string_view uri) {
  Resolved resolved;
  const size_t at = rest.rfind('@');
  const size_t slash = rest.find('/');
  if (slash == std::string_view::npos && at != std::string_view::npos) {
    const auto name = rest.substr(0, at);
    const auto alias = TRY(FindAlias(reader, name, rest.substr(at + 1)));
    if (!alias) {
      TRY(CheckModelExists(reader, name));
      return NotFound("Model '" + std::string(name) + "' has no alias '" +
                      std::string(rest.substr(at + 1)) + "'");
    }
    resolved.alias_event = alias->event;
    resolved.version = TRY(GetVersion(reader, name, alias->version));
  } else {
    if (slash == std::string_view::npos) return BadModelUri(uri);
    const auto name = rest.substr(0, slash);
    const auto version = rest.substr(slash + 1);
    int64_t number = 0;
    resolved.version = ParseInt(version, number) ? TRY(GetVersion(reader, name, number))
                                                 : TRY(LatestOf(reader, name, version));
  }
  // Files that are elsewhere (s3://...) have no path here; who needs them says so.
  resolved.artifact_path =
      artifacts::PathOfUri(resolved.version->storage_location).value_or(std::string());
  return resolved;
}

Result<Resolved> ResolveRun(db::Reader& reader, std::string_view rest, std::string_view uri) {
  const size_t slash = rest.find('/');
  if (slash == std::string_view::npos) {
    return Invalid("Not a run URI: '" + std::string(uri) + "'. Expected runs:/RUN_ID/PATH");
  }
  const RunId id{std::string(rest.substr(0, slash))};
  const auto run = TRY(tracking::GetRun(reader, id));
  const std::string path = TRY(artifacts::CleanPath(rest.substr(slash + 1), true));
  // MLflow 3 keeps a model that was logged by name as a logged model of the run, not in its folder.
  const auto model = TRY(tracking::NewestReadyModel(reader, id));
  if (model && model->name == path) {
    return Resolved{.artifact_path = TRY(artifacts::PathOfUri(model->artifact_location))};
  }
  const std::string root = TRY(artifacts::PathOfUri(run.info.artifact_uri));
  return Resolved{.artifact_path = path.empty() ? root : root + "/" + path};
}

// The names in a signature's inputs: a JSON list in a YAML string.
std::vector<std::string> InputNames(const Yaml& mlmodel) {
  std::vector<std::string> names;
  const Yaml* signature = mlmodel.Find("signature");
  const Yaml* inputs = signature != nullptr ? signature->Find("inputs") : nullptr;
  if (inputs == nullptr || !inputs->IsScalar()) return names;
  const auto json = ParseJson(inputs->scalar);
  if (!json || !json->IsArray()) return names;
  for (const auto& input : json->AsArray()) {
    const auto name = input.GetStringOr("name", "");
    if (name && !name->empty()) names.push_back(*name);
  }
  return names;
}

}  // namespace

Result<Resolved> Resolve(db::Reader& reader, std::string_view uri) {
  if (uri.starts_with("models:/")) {
    const std::string_view rest = uri.substr(8);
    const bool logged = rest.starts_with("m-") && rest.find_first_of("/@") == rest.npos;
    if (!logged) return ResolveRegistered(reader, rest, uri);
    const auto model = TRY(tracking::GetLoggedModel(reader, rest));
    return Resolved{.artifact_path = TRY(artifacts::PathOfUri(model.artifact_location))};
  }
  if (uri.starts_with("runs:/")) return ResolveRun(reader, uri.substr(6), uri);
  return Resolved{.artifact_path = TRY(artifacts::PathOfUri(uri))};
}

Result<OnnxModel> ReadMlmodel(std::string_view mlmodel) {
  const Yaml yaml = TRY(ParseYaml(mlmodel));
  OnnxModel model{.inputs = InputNames(yaml)};
  if (const Yaml* run = yaml.Find("run_id"); run != nullptr && run->IsScalar()) {
    model.run_id = run->scalar;
  }
  const Yaml* flavors = yaml.Find("flavors");
  const Yaml* onnx = flavors != nullptr ? flavors->Find("onnx") : nullptr;
  const Yaml* data = onnx != nullptr ? onnx->Find("data") : nullptr;
  if (data != nullptr && data->IsScalar()) model.path = TRY(artifacts::CleanPath(data->scalar));
  return model;
}

Result<OnnxModel> FindOnnx(artifacts::Store& store, std::string_view artifact_path) {
  const auto entry = TRY(store.Stat(artifact_path));
  if (!entry.folder) return OnnxModel{.path = std::string(artifact_path)};
  const std::string folder(artifact_path);
  OnnxModel model;
  if (auto text = store.ReadAll(folder + "/MLmodel", kMlmodelBytesMax)) {
    auto read = ReadMlmodel(*text);
    if (!read) return std::unexpected(Prefixed(folder + "/MLmodel", read.error()));
    model = *std::move(read);
  } else if (text.error().code != Code::kNotFound) {
    return std::unexpected(text.error());
  }
  if (model.path.empty()) {
    const auto entries = TRY(store.List(folder));
    for (const auto& file : entries) {
      if (file.folder || !file.name.ends_with(".onnx")) continue;
      if (!model.path.empty()) {
        return Invalid("'" + folder +
                       "' holds several .onnx files and no MLmodel with an onnx "
                       "flavour that says which");
      }
      model.path = file.name;
    }
  }
  if (model.path.empty()) {
    return Invalid("'" + folder +
                   "' holds no ONNX model (no onnx flavour in MLmodel, no .onnx "
                   "file); log it with mlflow.onnx.log_model");
  }
  model.path = folder + "/" + model.path;
  TRY(store.Stat(model.path));
  return model;
}

}  // namespace tatara::registry
