// Inside registry: what its files share.
#pragma once

#include "registry/registry.h"

namespace tatara::registry {

inline constexpr std::string_view kDeletedStage = "Deleted_Internal";
inline constexpr std::string_view kPromptTag = "mlflow.prompt.is_prompt";

// Columns of model_versions v, in the order VersionFromRow reads them.
inline constexpr std::string_view kVersionColumns =
    "v.name, v.version, v.creation_ms, v.last_updated_ms, v.description, v.user_id, v.stage, "
    "v.source, v.storage_location, v.run_id, v.run_link, v.model_id, v.status, v.event_id";
Version VersionFromRow(const db::Row& row);

Status LoadVersionTags(db::Reader& reader, std::vector<Version>& versions);
Status LoadModelChildren(db::Reader& reader, std::vector<Model>& models);

Status CheckModelName(std::string_view name);
Status CheckRegistryTag(const KeyValue& tag);
// kNotFound when there is no such model.
Status CheckModelExists(db::Reader& reader, std::string_view name);
Status TouchModel(db::Tx& tx, std::string_view name, Time now);

struct Change {
  std::string_view type;
  std::string model;
  int64_t version = 0;  // 0: of the model
  EventId cause;
  std::vector<std::pair<std::string, std::string>> detail;
};
Result<EventId> AppendChange(db::Tx& tx, Time now, const Change& change);

}  // namespace tatara::registry
