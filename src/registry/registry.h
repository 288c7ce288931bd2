// The door of registry: registered models, versions, aliases, stages.
//
// Invariants
//  1. A version number is max + 1 over all versions that ever were, never used again.
//  2. An alias points at a version that exists; deleting the version deletes its aliases.
//  3. The alias row holds the id of the event that moved it: who serves an alias reconciles from
//     that row and loses nothing to a crash.
//  4. Every change appends its event: source "tatara.registry", types model_created,
//     model_renamed, model_deleted, version_created, version_deleted, stage_changed, alias_set,
//     alias_deleted; subject "models:/NAME/VERSION" or "models:/NAME".
// Threads: mutators inside a write transaction, the rest through any reader.
// Errors: as tracking's; an unknown alias is kInvalid (MLflow answers 400 there).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "artifacts/artifacts.h"
#include "db/db.h"
#include "tracking/tracking.h"

namespace tatara::registry {

using tracking::KeyValue;
using tracking::Page;

struct Version {
  std::string name;
  int64_t version = 0;
  int64_t creation_ms = 0;
  int64_t last_updated_ms = 0;
  std::string description;
  std::string user_id;
  std::string stage;  // "None", "Staging", "Production", "Archived"
  std::string source;
  std::string storage_location;  // the artifact URI that the source resolves to
  std::string run_id;
  std::string run_link;
  std::string model_id;
  std::string status;  // "READY"
  std::vector<KeyValue> tags;
  std::vector<std::string> aliases;
  EventId event;  // its version_created event
};

struct Alias {
  std::string model;
  std::string alias;
  int64_t version = 0;
  EventId event;  // the alias_set event that made it so
};

struct Model {
  std::string name;
  std::string description;
  int64_t creation_ms = 0;
  int64_t last_updated_ms = 0;
  std::vector<KeyValue> tags;
  std::vector<Alias> aliases;
  std::vector<Version> latest_versions;  // the highest of each stage
};

// --- Registered models ---
struct NewModel {
  std::string name;
  std::string description;
  std::vector<KeyValue> tags;
};
Result<Model> CreateModel(db::Tx& tx, const NewModel& wanted, Time now);
// The same, but an existing one is fine.
Status EnsureModel(db::Tx& tx, std::string_view name, Time now);
Result<Model> GetModel(db::Reader& reader, std::string_view name);
Result<Model> UpdateModel(db::Tx& tx, std::string_view name, std::string_view description,
                          Time now);
Result<Model> RenameModel(db::Tx& tx, std::string_view name, std::string_view to, Time now);
Status DeleteModel(db::Tx& tx, std::string_view name, Time now);
Status SetModelTag(db::Tx& tx, std::string_view name, const KeyValue& tag);
Status DeleteModelTag(db::Tx& tx, std::string_view name, std::string_view key);

// --- Versions ---
struct NewVersion {
  std::string name;
  std::string source;  // an artifact URI, "runs:/ID/path", "models:/m-ID" or "models:/NAME/N"
  std::string run_id;
  std::string run_link;
  std::string model_id;
  std::string description;
  std::vector<KeyValue> tags;
  EventId cause;  // what made somebody register it, or empty
};
Result<Version> CreateVersion(db::Tx& tx, const NewVersion& wanted, Time now);
Result<Version> GetVersion(db::Reader& reader, std::string_view name, int64_t version);
Result<Version> UpdateVersion(db::Tx& tx, std::string_view name, int64_t version,
                              std::string_view description, Time now);
Status DeleteVersion(db::Tx& tx, std::string_view name, int64_t version, Time now);
struct StageChange {
  std::string stage;  // any case
  bool archive_existing = false;
};
Result<Version> TransitionStage(db::Tx& tx, std::string_view name, int64_t version,
                                const StageChange& change, Time now);
Result<std::vector<Version>> LatestVersions(db::Reader& reader, std::string_view name,
                                            const std::vector<std::string>& stages);
Status SetVersionTag(db::Tx& tx, std::string_view name, int64_t version, const KeyValue& tag);
Status DeleteVersionTag(db::Tx& tx, std::string_view name, int64_t version, std::string_view key);
// All versions that were made of this run, oldest first.
Result<std::vector<Version>> VersionsOfRun(db::Reader& reader, const RunId& run);

// --- Aliases ---
// kInvalid: empty, too long, other characters than letters, digits, '_' and '-', or a reserved name
// (latest, v1, v22).
Status CheckAliasName(std::string_view alias);
struct AliasMove {
  std::string model;
  std::string alias;
  int64_t version = 0;
  // Compare-and-set: the version that the alias must point at now (0: that it must not exist);
  // kConflict otherwise. None: move it wherever it points.
  std::optional<int64_t> expected;
  EventId cause;
};
// Returns the alias with the event of the move. Pointing it where it points already changes
// nothing and returns the row that stands.
Result<Alias> SetAlias(db::Tx& tx, const AliasMove& move, Time now);
Status DeleteAlias(db::Tx& tx, std::string_view model, std::string_view alias, Time now);
Result<std::optional<Alias>> FindAlias(db::Reader& reader, std::string_view model,
                                       std::string_view alias);
Result<Version> GetVersionByAlias(db::Reader& reader, std::string_view model,
                                  std::string_view alias);

// --- Search ---
Result<Page<Model>> SearchModels(db::Reader& reader, const tracking::SearchRequest& request);
Result<Page<Version>> SearchVersions(db::Reader& reader, const tracking::SearchRequest& request);

// --- Resolving URIs ---
// "models:/NAME/N", "models:/NAME/latest", "models:/NAME@ALIAS", "models:/NAME/STAGE",
// "models:/m-ID", "runs:/ID/PATH", or an artifact URI of ours.
struct Resolved {
  std::optional<Version> version;  // for models:/NAME/...
  EventId alias_event;             // the event that moved the alias; empty without an alias
  std::string artifact_path;       // a folder or file of the artifact store
};
Result<Resolved> Resolve(db::Reader& reader, std::string_view uri);

// What an MLmodel file says about an ONNX model.
struct OnnxModel {
  std::string path;                 // of the .onnx file in the artifact store
  std::vector<std::string> inputs;  // the names of its signature's inputs, in order; may be empty
  std::string run_id;
};
// Pure: `mlmodel` is the text of the file. `path` is relative to the folder, and empty when the
// MLmodel has no ONNX flavour.
Result<OnnxModel> ReadMlmodel(std::string_view mlmodel);
// The ONNX file of an artifact folder: as MLmodel says, else the only *.onnx in it; a path that is
// an .onnx file itself is taken as it is. kInvalid says what is missing.
Result<OnnxModel> FindOnnx(artifacts::Store& store, std::string_view artifact_path);

}  // namespace tatara::registry
