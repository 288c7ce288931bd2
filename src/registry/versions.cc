#include <algorithm>
#include <map>

#include "base/strings.h"
#include "registry/rows.h"

namespace tatara::registry {
namespace {

std::unexpected<Error> NoVersion(std::string_view name, int64_t version) {
  return NotFound("Model Version (name=" + std::string(name) +
                  ", version=" + std::to_string(version) + ") not found");
}

std::unexpected<Error> BadSource(std::string_view source, std::string_view why) {
  return Invalid("Invalid model version source: '" + std::string(source) + "'. " +
                 std::string(why));
}

Result<std::string> CanonicalStage(std::string_view stage) {
  for (const std::string_view known : {"None", "Staging", "Production", "Archived"}) {
    if (EqualsIgnoreCase(stage, known)) return std::string(known);
  }
  return Invalid("Invalid Model Version stage: " + std::string(stage) +
                 ". Value must be one of None, Staging, Production, Archived.");
}

// Percent-escapes undone until nothing changes, so that none can hide what it means.
std::string FullyDecoded(std::string_view text) {
  std::string out(text);
  for (std::string next; PercentDecode(out, true, next) && next != out;) out = next;
  return out;
}

bool IsWithin(std::string_view source, std::string_view root) {
  return source == root ||
         (source.starts_with(root) && source.substr(root.size()).starts_with('/'));
}

struct Source {
  std::string source;
  std::string storage_location;
  std::string run_id;
  std::string model_id;
};

Result<Source> FromLoggedModel(db::Reader& reader, const NewVersion& wanted,
                               std::string_view model_id) {
  if (wanted.model_id != model_id) {
    return BadSource(wanted.source,
                     "The model_id request parameter must identify the resource that contains "
                     "the source.");
  }
  const auto model = TRY(tracking::GetLoggedModel(reader, model_id));
  return Source{wanted.source, model.artifact_location,
                wanted.run_id.empty() ? model.source_run_id : wanted.run_id, model.id};
}

Result<Source> FromVersion(db::Reader& reader, const NewVersion& wanted) {
  const Resolved resolved = TRY(Resolve(reader, wanted.source));
  CHECK(resolved.version.has_value());
  const Version& from = *resolved.version;
  if ((!wanted.run_id.empty() && wanted.run_id != from.run_id) ||
      (!wanted.model_id.empty() && wanted.model_id != from.model_id)) {
    return BadSource(wanted.source,
                     "The run_id and model_id request parameters must match the referenced model "
                     "version.");
  }
  return Source{"models:/" + from.name + "/" + std::to_string(from.version), from.storage_location,
                from.run_id, from.model_id};
}

// "runs:/ID/path" or an artifact URI of ours: it must lie within its run or logged model.
Result<Source> FromArtifacts(db::Reader& reader, const NewVersion& wanted) {
  std::string location = wanted.source;
  std::string root;
  std::string run_id = wanted.run_id;
  if (wanted.source.starts_with("runs:/")) {
    const std::string_view rest = std::string_view(wanted.source).substr(6);
    const size_t slash = rest.find('/');
    if (slash == std::string_view::npos || rest.substr(0, slash) != wanted.run_id) {
      return BadSource(wanted.source,
                       "The run_id request parameter must identify the resource that contains the "
                       "source.");
    }
    const auto run = TRY(tracking::GetRun(reader, RunId(wanted.run_id)));
    return Source{wanted.source, run.info.artifact_uri + "/" + std::string(rest.substr(slash + 1)),
                  wanted.run_id, wanted.model_id};
  }
  const std::string_view owner = wanted.model_id.empty() ? "run_id" : "model_id";
  if (!wanted.model_id.empty()) {
    const auto model = tracking::GetLoggedModel(reader, wanted.model_id);
    if (model) {
      root = model->artifact_location;
      if (run_id.empty()) run_id = model->source_run_id;
    }
  } else if (!wanted.run_id.empty()) {
    const auto run = tracking::GetRun(reader, RunId(wanted.run_id));
    if (run) root = run->info.artifact_uri;
  }
  if (root.empty() || !IsWithin(location, root)) {
    return BadSource(wanted.source, "The " + std::string(owner) +
                                        " request parameter must identify the resource that "
                                        "contains the source.");
  }
  return Source{wanted.source, location, run_id, wanted.model_id};
}

bool IsPrompt(const NewVersion& wanted) {
  return std::ranges::any_of(wanted.tags, [](const KeyValue& tag) {
    return tag.key == kPromptTag && EqualsIgnoreCase(tag.value, "true");
  });
}

Result<Source> ResolveSource(db::Reader& reader, const NewVersion& wanted) {
  const std::string& source = wanted.source;
  if (IsPrompt(wanted)) return Source{source, source, wanted.run_id, wanted.model_id};
  const std::string decoded = FullyDecoded(source);
  const auto segments = Split(decoded, '/');
  if (decoded.find('\0') != std::string::npos || std::ranges::count(segments, "..") > 0) {
    return BadSource(source,
                     "If supplying a source as an http, https, local file path, ftp, objectstore, "
                     "or mlflow-artifacts uri, an absolute path must be provided without relative "
                     "path references present. Please provide an absolute path.");
  }
  if (source.starts_with("models:/m-") && source.find('/', 8) == std::string::npos &&
      source.find('@') == std::string::npos) {
    return FromLoggedModel(reader, wanted, std::string_view(source).substr(8));
  }
  if (source.starts_with("models:/")) return FromVersion(reader, wanted);
  if (source.starts_with("runs:/") || source.starts_with("mlflow-artifacts:")) {
    return FromArtifacts(reader, wanted);
  }
  if (source.find("://") == std::string::npos || source.starts_with("file:")) {
    return BadSource(source,
                     "To use a local path as a model version source, the run_id request parameter "
                     "has to be specified and the local path has to be contained within the "
                     "artifact directory of the run specified by the run_id.");
  }
  return Source{source, source, wanted.run_id, wanted.model_id};
}

Status LoadAliases(db::Reader& reader, Version& version) {
  version.aliases = TRY(
      reader.All("SELECT alias FROM registered_model_aliases WHERE name = ? AND version = ? "
                 "ORDER BY alias",
                 {version.name, version.version}, [](const db::Row& row) { return row.Text(0); }));
  return {};
}

Status ArchiveOthers(db::Tx& tx, std::string_view name, int64_t version, std::string_view stage,
                     Time now) {
  if (stage != "Staging" && stage != "Production") {
    return Invalid("Model version transition cannot archive existing model versions because '" +
                   std::string(stage) +
                   "' is not an Active stage. Valid stages are ['Staging', 'Production']");
  }
  TRY(
      tx.Exec("UPDATE model_versions SET stage = 'Archived', last_updated_ms = ? "
              "WHERE name = ? AND version <> ? AND stage = ?",
              {ToMillis(now), name, version, stage}));
  return {};
}

// A logged model knows the versions that were made of it by a tag, as upstream's does.
Status NoteVersionOnModel(db::Tx& tx, std::string_view model_id, std::string_view name,
                          int64_t version) {
  constexpr std::string_view kVersionsTag = "mlflow.modelVersions";
  const auto model = TRY(tracking::GetLoggedModel(tx, model_id));
  Json versions = Json::MakeArray();
  for (const auto& tag : model.tags) {
    if (tag.key != kVersionsTag) continue;
    auto parsed = ParseJson(tag.value);
    if (parsed && parsed->IsArray()) versions = *std::move(parsed);
  }
  versions.Append(Json::Of({{"name", name}, {"version", version}}));
  return tracking::SetModelTags(tx, model_id, {{std::string(kVersionsTag), versions.Dump()}});
}

}  // namespace

Version VersionFromRow(const db::Row& row) {
  return {.name = row.Text(0),
          .version = row.Int(1),
          .creation_ms = row.Int(2),
          .last_updated_ms = row.Int(3),
          .description = row.Text(4),
          .user_id = row.Text(5),
          .stage = row.Text(6),
          .source = row.Text(7),
          .storage_location = row.Text(8),
          .run_id = row.Text(9),
          .run_link = row.Text(10),
          .model_id = row.Text(11),
          .status = row.Text(12),
          .event = EventId(row.Text(13))};
}

Status LoadVersionTags(db::Reader& reader, std::vector<Version>& versions) {
  std::map<std::pair<std::string, int64_t>, Version*> places;
  std::vector<std::string> names;
  for (auto& version : versions) {
    places[{version.name, version.version}] = &version;
    names.push_back(version.name);
  }
  std::ranges::sort(names);
  names.erase(std::ranges::unique(names).begin(), names.end());
  return tracking::QueryInChunks(
      reader, "SELECT name, version, key, value FROM model_version_tags WHERE name IN ", names,
      " ORDER BY name, version, key", [&](const db::Row& row) {
        const auto place = places.find({row.Text(0), row.Int(1)});
        if (place != places.end()) place->second->tags.push_back({row.Text(2), row.Text(3)});
      });
}

Result<Version> CreateVersion(db::Tx& tx, const NewVersion& wanted, Time now) {
  for (const auto& tag : wanted.tags) TRY(CheckRegistryTag(tag));
  TRY(CheckModelExists(tx, wanted.name));
  const Source source = TRY(ResolveSource(tx, wanted));
  const int64_t number = TRY(tx.Count(
      "SELECT COALESCE(MAX(version), 0) + 1 FROM model_versions WHERE name = ?", {wanted.name}));
  const EventId event = TRY(AppendChange(
      tx, now,
      {.type = "version_created",
       .model = wanted.name,
       .version = number,
       .cause = wanted.cause,
       .detail = {
           {"run_id", source.run_id}, {"model_id", source.model_id}, {"source", source.source}}}));
  const int64_t millis = ToMillis(now);
  TRY(
      tx.Exec("INSERT INTO model_versions (name, version, creation_ms, last_updated_ms, "
              "description, user_id, stage, source, storage_location, run_id, run_link, model_id, "
              "status, event_id) VALUES (?, ?, ?, ?, ?, '', 'None', ?, ?, ?, ?, ?, 'READY', ?)",
              {wanted.name, number, millis, millis, wanted.description, source.source,
               source.storage_location, source.run_id, wanted.run_link, source.model_id, event}));
  for (const auto& tag : wanted.tags) TRY(SetVersionTag(tx, wanted.name, number, tag));
  TRY(TouchModel(tx, wanted.name, now));
  if (!source.model_id.empty() && !IsPrompt(wanted)) {
    TRY(NoteVersionOnModel(tx, source.model_id, wanted.name, number));
  }
  return GetVersion(tx, wanted.name, number);
}

Result<Version> GetVersion(db::Reader& reader, std::string_view name, int64_t version) {
  TRY(CheckModelName(name));
  auto found = TRY(reader.One("SELECT " + std::string(kVersionColumns) +
                                  " FROM model_versions v WHERE v.name = ? AND v.version = ? AND "
                                  "v.stage <> 'Deleted_Internal'",
                              {name, version}, VersionFromRow));
  if (!found) return NoVersion(name, version);
  std::vector<Version> versions{*std::move(found)};
  versions[0].tags = TRY(reader.All(
      "SELECT key, value FROM model_version_tags WHERE name = ? AND version = ? "
      "ORDER BY key",
      {name, version}, [](const db::Row& row) { return KeyValue{row.Text(0), row.Text(1)}; }));
  TRY(LoadAliases(reader, versions[0]));
  return std::move(versions[0]);
}

Result<Version> UpdateVersion(db::Tx& tx, std::string_view name, int64_t version,
                              std::string_view description, Time now) {
  TRY(GetVersion(tx, name, version));
  TRY(
      tx.Exec("UPDATE model_versions SET description = ?, last_updated_ms = ? "
              "WHERE name = ? AND version = ?",
              {description, ToMillis(now), name, version}));
  return GetVersion(tx, name, version);
}

Status DeleteVersion(db::Tx& tx, std::string_view name, int64_t version, Time now) {
  const Version gone = TRY(GetVersion(tx, name, version));
  for (const auto& alias : gone.aliases) TRY(DeleteAlias(tx, name, alias, now));
  TRY(
      tx.Exec("UPDATE model_versions SET stage = 'Deleted_Internal', last_updated_ms = ?, "
              "description = '', user_id = '', source = 'REDACTED-SOURCE-PATH', "
              "storage_location = '', run_id = '', run_link = 'REDACTED-RUN-LINK', model_id = '' "
              "WHERE name = ? AND version = ?",
              {ToMillis(now), name, version}));
  TRY(TouchModel(tx, name, now));
  TRY(AppendChange(tx, now,
                   {.type = "version_deleted", .model = std::string(name), .version = version}));
  return {};
}

Result<Version> TransitionStage(db::Tx& tx, std::string_view name, int64_t version,
                                const StageChange& change, Time now) {
  const std::string stage = TRY(CanonicalStage(change.stage));
  const Version before = TRY(GetVersion(tx, name, version));
  if (change.archive_existing) TRY(ArchiveOthers(tx, name, version, stage, now));
  TRY(
      tx.Exec("UPDATE model_versions SET stage = ?, last_updated_ms = ? "
              "WHERE name = ? AND version = ?",
              {stage, ToMillis(now), name, version}));
  TRY(TouchModel(tx, name, now));
  TRY(AppendChange(tx, now,
                   {.type = "stage_changed",
                    .model = std::string(name),
                    .version = version,
                    .detail = {{"stage", stage}, {"previous", before.stage}}}));
  return GetVersion(tx, name, version);
}

Result<std::vector<Version>> LatestVersions(db::Reader& reader, std::string_view name,
                                            const std::vector<std::string>& stages) {
  std::vector<std::string> wanted;
  for (const auto& stage : stages) wanted.push_back(TRY(CanonicalStage(stage)));
  Model model = TRY(GetModel(reader, name));
  std::vector<Version> out;
  for (auto& version : model.latest_versions) {
    if (!wanted.empty() && std::ranges::count(wanted, version.stage) == 0) continue;
    TRY(LoadAliases(reader, version));
    out.push_back(std::move(version));
  }
  return out;
}

Status SetVersionTag(db::Tx& tx, std::string_view name, int64_t version, const KeyValue& tag) {
  TRY(CheckRegistryTag(tag));
  TRY(GetVersion(tx, name, version));
  TRY(
      tx.Exec("INSERT INTO model_version_tags (name, version, key, value) VALUES (?, ?, ?, ?) "
              "ON CONFLICT (name, version, key) DO UPDATE SET value = excluded.value",
              {name, version, tag.key, tag.value}));
  return {};
}

Status DeleteVersionTag(db::Tx& tx, std::string_view name, int64_t version, std::string_view key) {
  TRY(tracking::CheckName(key, "key"));
  TRY(GetVersion(tx, name, version));
  TRY(tx.Exec("DELETE FROM model_version_tags WHERE name = ? AND version = ? AND key = ?",
              {name, version, key}));
  return {};
}

Result<std::vector<Version>> VersionsOfRun(db::Reader& reader, const RunId& run) {
  return reader.All("SELECT " + std::string(kVersionColumns) +
                        " FROM model_versions v WHERE v.run_id = ? AND v.run_id <> '' AND "
                        "v.stage <> 'Deleted_Internal' ORDER BY v.creation_ms, v.version",
                    {run}, VersionFromRow);
}

}  // namespace tatara::registry
