#include <algorithm>

#include "base/strings.h"
#include "events/events.h"
#include "registry/rows.h"

namespace tatara::registry {
namespace {

constexpr int64_t kTagValueLengthMax = 100'000;

std::unexpected<Error> NoModel(std::string_view name) {
  return NotFound("Registered Model with name=" + std::string(name) + " not found");
}

Model ModelFromRow(const db::Row& row) {
  return {.name = row.Text(0),
          .description = row.Text(1),
          .creation_ms = row.Int(2),
          .last_updated_ms = row.Int(3)};
}

Model* FindByName(std::vector<Model>& models, std::string_view name) {
  return &*std::ranges::find(models, name, &Model::name);
}

Status LoadLatestVersions(db::Reader& reader, const std::vector<std::string>& names,
                          std::vector<Model>& models) {
  std::vector<Version> versions;
  TRY(tracking::QueryInChunks(
      reader,
      "SELECT " + std::string(kVersionColumns) +
          " FROM model_versions v JOIN (SELECT name AS n, MAX(version) AS latest "
          "FROM model_versions WHERE stage <> 'Deleted_Internal' AND name IN ",
      names, " GROUP BY name, stage) l ON v.name = l.n AND v.version = l.latest",
      [&](const db::Row& row) { versions.push_back(VersionFromRow(row)); }));
  TRY(LoadVersionTags(reader, versions));
  std::ranges::sort(versions, {}, &Version::version);
  for (auto& version : versions) {
    FindByName(models, version.name)->latest_versions.push_back(version);
  }
  return {};
}

}  // namespace

Status LoadModelChildren(db::Reader& reader, std::vector<Model>& models) {
  std::vector<std::string> names;
  for (const auto& model : models) names.push_back(model.name);
  TRY(tracking::QueryInChunks(
      reader, "SELECT name, key, value FROM registered_model_tags WHERE name IN ", names,
      " ORDER BY name, key", [&](const db::Row& row) {
        FindByName(models, row.View(0))->tags.push_back({row.Text(1), row.Text(2)});
      }));
  TRY(tracking::QueryInChunks(
      reader, "SELECT name, alias, version, event_id FROM registered_model_aliases WHERE name IN ",
      names, " ORDER BY name, alias", [&](const db::Row& row) {
        FindByName(models, row.View(0))
            ->aliases.push_back({row.Text(0), row.Text(1), row.Int(2), EventId(row.Text(3))});
      }));
  return LoadLatestVersions(reader, names, models);
}

Status CheckModelName(std::string_view name) {
  if (Trim(name).empty()) return Invalid("Missing value for required parameter 'name'.");
  if (name.find_first_of("/:") != std::string_view::npos) {
    return Invalid("Invalid model name '" + std::string(name) +
                   "'. Names cannot contain '/' or ':'.");
  }
  const std::string normal = tracking::NormalPath(name);
  if (normal != name || normal == "." || normal.starts_with("..")) {
    std::string json;
    AppendJsonString(json, name);
    return Invalid(tracking::InvalidValue(
        "name", json,
        "Names may be treated as files in certain cases, and must not resolve to other names when "
        "treated as such. This name would resolve to '" +
            normal + "'"));
  }
  return tracking::CheckLength("name", 256, name);
}

Status CheckRegistryTag(const KeyValue& tag) {
  TRY(tracking::CheckName(tag.key, "key"));
  TRY(tracking::CheckLength("key", tracking::kKeyLengthMax, tag.key));
  return tracking::CheckLength("value", kTagValueLengthMax, tag.value);
}

Status CheckModelExists(db::Reader& reader, std::string_view name) {
  TRY(CheckModelName(name));
  if (TRY(reader.Count("SELECT COUNT(*) FROM registered_models WHERE name = ?", {name})) == 0) {
    return NoModel(name);
  }
  return {};
}

Status TouchModel(db::Tx& tx, std::string_view name, Time now) {
  TRY(tx.Exec("UPDATE registered_models SET last_updated_ms = ? WHERE name = ?",
              {ToMillis(now), name}));
  return {};
}

Result<EventId> AppendChange(db::Tx& tx, Time now, const Change& change) {
  events::NewEvent event{.time = now,
                         .source = "tatara.registry",
                         .type = std::string(change.type),
                         .subject = "models:/" + change.model,
                         .cause = change.cause};
  event.detail.Set("model", change.model);
  if (change.version != 0) {
    event.subject += "/" + std::to_string(change.version);
    event.detail.Set("version", std::to_string(change.version));
  }
  for (const auto& [key, value] : change.detail) event.detail.Set(key, value);
  return TRY(events::Append(tx, std::move(event))).id;
}

Result<Model> CreateModel(db::Tx& tx, const NewModel& wanted, Time now) {
  TRY(CheckModelName(wanted.name));
  for (const auto& tag : wanted.tags) TRY(CheckRegistryTag(tag));
  const int64_t millis = ToMillis(now);
  if (TRY(tx.Exec("INSERT INTO registered_models (name, description, creation_ms, "
                  "last_updated_ms) VALUES (?, ?, ?, ?) ON CONFLICT (name) DO NOTHING",
                  {wanted.name, wanted.description, millis, millis})) == 0) {
    return Conflict("Registered Model (name=" + wanted.name + ") already exists.");
  }
  for (const auto& tag : wanted.tags) TRY(SetModelTag(tx, wanted.name, tag));
  TRY(AppendChange(tx, now, {.type = "model_created", .model = wanted.name}));
  return GetModel(tx, wanted.name);
}

Status EnsureModel(db::Tx& tx, std::string_view name, Time now) {
  if (TRY(tx.Count("SELECT COUNT(*) FROM registered_models WHERE name = ?", {name})) > 0) {
    return {};
  }
  TRY(CreateModel(tx, {.name = std::string(name)}, now));
  return {};
}

Result<Model> GetModel(db::Reader& reader, std::string_view name) {
  TRY(CheckModelName(name));
  auto found =
      TRY(reader.One("SELECT name, description, creation_ms, last_updated_ms "
                     "FROM registered_models WHERE name = ?",
                     {name}, ModelFromRow));
  if (!found) return NoModel(name);
  std::vector<Model> models{*std::move(found)};
  TRY(LoadModelChildren(reader, models));
  return std::move(models[0]);
}

Result<Model> UpdateModel(db::Tx& tx, std::string_view name, std::string_view description,
                          Time now) {
  TRY(CheckModelExists(tx, name));
  TRY(tx.Exec("UPDATE registered_models SET description = ?, last_updated_ms = ? WHERE name = ?",
              {description, ToMillis(now), name}));
  return GetModel(tx, name);
}

Result<Model> RenameModel(db::Tx& tx, std::string_view name, std::string_view to, Time now) {
  if (Trim(to).empty()) return Invalid("Missing value for required parameter 'new_name'.");
  TRY(CheckModelName(to));
  TRY(CheckModelExists(tx, name));
  if (TRY(tx.Count("SELECT COUNT(*) FROM registered_models WHERE name = ?", {to})) > 0) {
    return Conflict("Registered Model (name=" + std::string(to) + ") already exists.");
  }
  const int64_t millis = ToMillis(now);
  TRY(tx.Exec("UPDATE registered_models SET name = ?, last_updated_ms = ? WHERE name = ?",
              {to, millis, name}));
  TRY(tx.Exec("UPDATE model_versions SET name = ?, last_updated_ms = ? WHERE name = ?",
              {to, millis, name}));
  for (const auto* table :
       {"registered_model_tags", "model_version_tags", "registered_model_aliases"}) {
    TRY(tx.Exec("UPDATE " + std::string(table) + " SET name = ? WHERE name = ?", {to, name}));
  }
  TRY(AppendChange(tx, now,
                   {.type = "model_renamed",
                    .model = std::string(to),
                    .detail = {{"previous", std::string(name)}}}));
  return GetModel(tx, to);
}

Status DeleteModel(db::Tx& tx, std::string_view name, Time now) {
  TRY(CheckModelExists(tx, name));
  for (const auto* table : {"registered_models", "model_versions", "registered_model_tags",
                            "model_version_tags", "registered_model_aliases"}) {
    TRY(tx.Exec("DELETE FROM " + std::string(table) + " WHERE name = ?", {name}));
  }
  TRY(AppendChange(tx, now, {.type = "model_deleted", .model = std::string(name)}));
  return {};
}

Status SetModelTag(db::Tx& tx, std::string_view name, const KeyValue& tag) {
  TRY(CheckRegistryTag(tag));
  TRY(CheckModelExists(tx, name));
  TRY(
      tx.Exec("INSERT INTO registered_model_tags (name, key, value) VALUES (?, ?, ?) "
              "ON CONFLICT (name, key) DO UPDATE SET value = excluded.value",
              {name, tag.key, tag.value}));
  return {};
}

Status DeleteModelTag(db::Tx& tx, std::string_view name, std::string_view key) {
  TRY(tracking::CheckName(key, "key"));
  TRY(CheckModelExists(tx, name));
  TRY(tx.Exec("DELETE FROM registered_model_tags WHERE name = ? AND key = ?", {name, key}));
  return {};
}

}  // namespace tatara::registry
