#include "tracking/experiments.h"

#include "base/strings.h"
#include "tracking/store.h"
#include "tracking/validate.h"

namespace tatara::tracking {
namespace {

std::unexpected<Error> NoExperiment(int64_t id) {
  return NotFound("No Experiment with id=" + std::to_string(id) + " exists");
}

Status CheckStage(db::Reader& reader, int64_t id, Stage wanted) {
  const Experiment experiment = TRY(GetExperiment(reader, id));
  if (experiment.stage != wanted) return NoExperiment(id);
  return {};
}

Status CheckActive(db::Reader& reader, int64_t id) {
  const Experiment experiment = TRY(GetExperiment(reader, id));
  if (experiment.stage == Stage::kActive) return {};
  return Invalid("The experiment " + std::to_string(id) +
                 " must be in the 'active' state. Current state is deleted.");
}

Experiment FromRow(const db::Row& row) {
  return {.id = row.Int(0),
          .name = row.Text(1),
          .artifact_location = row.Text(2),
          .stage = row.View(3) == "active" ? Stage::kActive : Stage::kDeleted,
          .creation_ms = row.Int(4),
          .last_update_ms = row.Int(5)};
}

constexpr std::string_view kColumns =
    "SELECT experiment_id, name, artifact_location, lifecycle_stage, creation_ms, last_update_ms "
    "FROM experiments ";

Result<std::optional<Experiment>> FindBy(db::Reader& reader, std::string_view where,
                                         const db::Value& value) {
  auto found = TRY(reader.One(std::string(kColumns) + std::string(where), {value}, FromRow));
  if (found) {
    found->tags = TRY(reader.All(
        "SELECT key, value FROM experiment_tags WHERE experiment_id = ? ORDER BY key", {found->id},
        [](const db::Row& row) { return KeyValue{row.Text(0), row.Text(1)}; }));
  }
  return found;
}

Status SetStage(db::Tx& tx, int64_t id, Stage stage, Time now) {
  const int64_t millis = ToMillis(now);
  TRY(
      tx.Exec("UPDATE experiments SET lifecycle_stage = ?, last_update_ms = ? "
              "WHERE experiment_id = ?",
              {StageName(stage), millis, id}));
  TRY(tx.Exec("UPDATE runs SET lifecycle_stage = ?, deleted_ms = ? WHERE experiment_id = ?",
              {StageName(stage),
               stage == Stage::kDeleted ? std::optional<int64_t>(millis) : std::nullopt, id}));
  return AppendEvent(tx, now,
                     stage == Stage::kDeleted ? "experiment_deleted" : "experiment_restored",
                     "experiments:/" + std::to_string(id), {});
}

}  // namespace

Result<int64_t> ParseExperimentId(std::string_view text) {
  if (text.empty()) return 0;
  int64_t id = 0;
  if (!ParseInt(text, id)) {
    return Invalid("Invalid experiment ID '" + std::string(text) +
                   "'. Experiment ID must be a valid integer.");
  }
  return id;
}

Result<int64_t> CreateExperiment(db::Tx& tx, const NewExperiment& wanted, Time now) {
  TRY(CheckExperimentName(wanted.name));
  for (const auto& tag : wanted.tags) TRY(CheckExperimentTag(tag));
  if (TRY(tx.Count("SELECT COUNT(*) FROM experiments WHERE name = ?", {wanted.name})) > 0) {
    return Conflict("Experiment(name=" + wanted.name + ") already exists.");
  }
  const int64_t id = TRY(tx.Count("SELECT MAX(experiment_id) + 1 FROM experiments", {}));
  const std::string location = wanted.artifact_location.empty()
                                   ? "mlflow-artifacts:/" + std::to_string(id)
                                   : wanted.artifact_location;
  const int64_t millis = ToMillis(now);
  TRY(
      tx.Exec("INSERT INTO experiments (experiment_id, name, artifact_location, lifecycle_stage, "
              "creation_ms, last_update_ms) VALUES (?, ?, ?, 'active', ?, ?)",
              {id, wanted.name, location, millis, millis}));
  for (const auto& tag : wanted.tags) TRY(SetExperimentTag(tx, id, tag));
  TRY(AppendEvent(tx, now, "experiment_created", "experiments:/" + std::to_string(id),
                  {{"name", wanted.name}}));
  return id;
}

Result<Experiment> GetExperiment(db::Reader& reader, int64_t id) {
  auto found = TRY(FindBy(reader, "WHERE experiment_id = ?", id));
  if (!found) return NoExperiment(id);
  return *std::move(found);
}

Result<std::optional<Experiment>> FindExperiment(db::Reader& reader, std::string_view name) {
  return FindBy(reader, "WHERE name = ?", name);
}

Status RenameExperiment(db::Tx& tx, int64_t id, std::string_view name, Time now) {
  TRY(CheckExperimentName(name));
  const Experiment experiment = TRY(GetExperiment(tx, id));
  // Upstream calls this INVALID_STATE, a 500 that its client repeats for minutes.
  if (experiment.stage != Stage::kActive) {
    return Invalid("Cannot rename a non-active experiment.");
  }
  const auto other = TRY(FindExperiment(tx, name));
  if (other && other->id != id) {
    return Conflict("Experiment(name=" + std::string(name) + ") already exists.");
  }
  TRY(tx.Exec("UPDATE experiments SET name = ?, last_update_ms = ? WHERE experiment_id = ?",
              {name, ToMillis(now), id}));
  return {};
}

Status DeleteExperiment(db::Tx& tx, int64_t id, Time now) {
  TRY(CheckStage(tx, id, Stage::kActive));
  return SetStage(tx, id, Stage::kDeleted, now);
}

Status RestoreExperiment(db::Tx& tx, int64_t id, Time now) {
  TRY(CheckStage(tx, id, Stage::kDeleted));
  return SetStage(tx, id, Stage::kActive, now);
}

Status SetExperimentTag(db::Tx& tx, int64_t id, const KeyValue& tag) {
  TRY(CheckExperimentTag(tag));
  TRY(CheckActive(tx, id));
  TRY(
      tx.Exec("INSERT INTO experiment_tags (experiment_id, key, value) VALUES (?, ?, ?) "
              "ON CONFLICT (experiment_id, key) DO UPDATE SET value = excluded.value",
              {id, tag.key, tag.value}));
  return {};
}

Status DeleteExperimentTag(db::Tx& tx, int64_t id, std::string_view key) {
  TRY(CheckActive(tx, id));
  if (TRY(tx.Exec("DELETE FROM experiment_tags WHERE experiment_id = ? AND key = ?", {id, key})) ==
      0) {
    return NotFound("No tag with name: " + std::string(key) + " in experiment with id " +
                    std::to_string(id));
  }
  return {};
}

}  // namespace tatara::tracking
