#include "tracking/logged_models.h"

#include <algorithm>

#include "os/random.h"
#include "tracking/experiments.h"
#include "tracking/sql.h"
#include "tracking/store.h"
#include "tracking/validate.h"

namespace tatara::tracking {
namespace {

std::unexpected<Error> NoModel(std::string_view id) {
  return NotFound("Logged model with ID '" + std::string(id) + "' not found.");
}

std::string Subject(std::string_view id) { return "models:/" + std::string(id); }

struct ModelRow {
  int64_t number = 0;
  bool active = true;
};

Result<ModelRow> FindModel(db::Reader& reader, std::string_view id) {
  const auto row = TRY(
      reader.One("SELECT model_number, lifecycle_stage FROM logged_models WHERE model_id = ?", {id},
                 [](const db::Row& r) { return ModelRow{r.Int(0), r.View(1) == "active"}; }));
  if (!row) return NoModel(id);
  return *row;
}

LoggedModel FromRow(const db::Row& row) {
  return {.id = row.Text(1),
          .experiment_id = row.Int(2),
          .name = row.Text(3),
          .artifact_location = row.Text(4),
          .status = static_cast<ModelStatus>(row.Int(5)),
          .model_type = row.Text(6),
          .source_run_id = row.Text(7),
          .stage = row.View(8) == "active" ? Stage::kActive : Stage::kDeleted,
          .creation_ms = row.Int(9),
          .last_updated_ms = row.Int(10)};
}

LoggedModel* FindById(std::vector<LoggedModel>& models, std::string_view id) {
  const auto found = std::ranges::find(models, id, &LoggedModel::id);
  return found == models.end() ? nullptr : &*found;
}

Status LoadChildren(db::Reader& reader, std::vector<LoggedModel>& models) {
  std::vector<std::string> ids;
  for (const auto& model : models) ids.push_back(model.id);
  TRY(QueryInChunks(reader,
                    "SELECT model_id, key, value FROM logged_model_params WHERE model_id IN ", ids,
                    " ORDER BY model_id, key", [&](const db::Row& row) {
                      FindById(models, row.View(0))->params.push_back({row.Text(1), row.Text(2)});
                    }));
  TRY(QueryInChunks(reader, "SELECT model_id, key, value FROM logged_model_tags WHERE model_id IN ",
                    ids, " ORDER BY model_id, key", [&](const db::Row& row) {
                      FindById(models, row.View(0))->tags.push_back({row.Text(1), row.Text(2)});
                    }));
  return QueryInChunks(
      reader,
      "SELECT model_id, key, value, timestamp_ms, step, run_id, dataset_name, dataset_digest "
      "FROM logged_model_metrics WHERE model_id IN ",
      ids, " ORDER BY model_id, key, timestamp_ms, step", [&](const db::Row& row) {
        FindById(models, row.View(0))
            ->metrics.push_back({.key = row.Text(1),
                                 .value = row.Double(2),
                                 .timestamp_ms = row.Int(3),
                                 .step = row.Int(4),
                                 .model_id = row.Text(0),
                                 .dataset_name = row.Text(6),
                                 .dataset_digest = row.Text(7),
                                 .run_id = row.Text(5)});
      });
}

Result<LoggedModel> OneModel(db::Reader& reader, int64_t number) {
  auto models = TRY(LoadLoggedModels(reader, {number}));
  CHECK(models.size() == 1);
  return std::move(models[0]);
}

Status WriteTags(db::Tx& tx, std::string_view id, const std::vector<KeyValue>& tags) {
  for (const auto& tag : tags) {
    TRY(
        tx.Exec("INSERT INTO logged_model_tags (model_id, key, value) VALUES (?, ?, ?) "
                "ON CONFLICT (model_id, key) DO UPDATE SET value = excluded.value",
                {id, tag.key, tag.value}));
  }
  return {};
}

Status WriteParams(db::Tx& tx, std::string_view id, const std::vector<KeyValue>& params) {
  for (const auto& param : params) {
    TRY(
        tx.Exec("INSERT INTO logged_model_params (model_id, key, value) VALUES (?, ?, ?) "
                "ON CONFLICT (model_id, key) DO UPDATE SET value = excluded.value",
                {id, param.key, param.value}));
  }
  return {};
}

}  // namespace

Result<std::vector<LoggedModel>> LoadLoggedModels(db::Reader& reader,
                                                  const std::vector<int64_t>& numbers) {
  std::vector<LoggedModel> models(numbers.size());
  TRY(QueryInChunks(
      reader,
      "SELECT model_number, model_id, experiment_id, name, artifact_location, status, model_type, "
      "source_run_id, lifecycle_stage, creation_ms, last_updated_ms FROM logged_models "
      "WHERE model_number IN ",
      numbers, "", [&](const db::Row& row) {
        const auto place = std::ranges::find(numbers, row.Int(0)) - numbers.begin();
        models[static_cast<size_t>(place)] = FromRow(row);
      }));
  if (!models.empty()) TRY(LoadChildren(reader, models));
  return models;
}

Result<LoggedModel> CreateLoggedModel(db::Tx& tx, const NewLoggedModel& wanted, Time now) {
  TRY(CheckLoggedModelName(wanted.name));
  const Experiment experiment = TRY(GetExperiment(tx, wanted.experiment_id));
  if (experiment.stage != Stage::kActive) {
    return Invalid("The experiment " + std::to_string(experiment.id) +
                   " must be in the 'active' state. Current state is deleted.");
  }
  const std::string id = "m-" + os::NewId(now);
  const int64_t number =
      TRY(tx.Count("SELECT COALESCE(MAX(model_number), 0) + 1 FROM logged_models", {}));
  const int64_t millis = ToMillis(now);
  TRY(
      tx.Exec("INSERT INTO logged_models (model_number, model_id, experiment_id, name, "
              "artifact_location, status, model_type, source_run_id, lifecycle_stage, creation_ms, "
              "last_updated_ms) VALUES (?, ?, ?, ?, ?, 1, ?, ?, 'active', ?, ?)",
              {number, id, experiment.id, wanted.name.empty() ? RandomName() : wanted.name,
               experiment.artifact_location + "/models/" + id + "/artifacts", wanted.model_type,
               wanted.source_run_id, millis, millis}));
  TRY(WriteParams(tx, id, wanted.params));
  TRY(WriteTags(tx, id, wanted.tags));
  TRY(AppendEvent(tx, now, "logged_model_created", Subject(id),
                  {{"model_id", id}, {"run_id", wanted.source_run_id}}));
  return OneModel(tx, number);
}

Result<LoggedModel> FinalizeLoggedModel(db::Tx& tx, std::string_view id, ModelStatus status,
                                        Time now) {
  const ModelRow row = TRY(FindModel(tx, id));
  TRY(tx.Exec("UPDATE logged_models SET status = ?, last_updated_ms = ? WHERE model_number = ?",
              {static_cast<int>(status), ToMillis(now), row.number}));
  const char* const name = status == ModelStatus::kReady          ? "READY"
                           : status == ModelStatus::kUploadFailed ? "UPLOAD_FAILED"
                                                                  : "PENDING";
  TRY(AppendEvent(tx, now, "logged_model_finalized", Subject(id),
                  {{"model_id", std::string(id)}, {"status", name}}));
  return OneModel(tx, row.number);
}

Status DeleteLoggedModel(db::Tx& tx, std::string_view id, Time now) {
  const ModelRow row = TRY(FindModel(tx, id));
  TRY(
      tx.Exec("UPDATE logged_models SET lifecycle_stage = 'deleted', last_updated_ms = ? "
              "WHERE model_number = ?",
              {ToMillis(now), row.number}));
  return AppendEvent(tx, now, "logged_model_deleted", Subject(id), {{"model_id", std::string(id)}});
}

Status LogModelParams(db::Tx& tx, std::string_view id, const std::vector<KeyValue>& params) {
  TRY(FindModel(tx, id));
  return WriteParams(tx, id, params);
}

Status SetModelTags(db::Tx& tx, std::string_view id, const std::vector<KeyValue>& tags) {
  TRY(FindModel(tx, id));
  return WriteTags(tx, id, tags);
}

Status DeleteModelTag(db::Tx& tx, std::string_view id, std::string_view key) {
  TRY(FindModel(tx, id));
  if (TRY(tx.Exec("DELETE FROM logged_model_tags WHERE model_id = ? AND key = ?", {id, key})) ==
      0) {
    return NotFound("No tag with key '" + std::string(key) + "' found for model with ID '" +
                    std::string(id) + "'.");
  }
  return {};
}

Result<LoggedModel> GetLoggedModel(db::Reader& reader, std::string_view id, bool also_deleted) {
  const ModelRow row = TRY(FindModel(reader, id));
  if (!row.active && !also_deleted) return NoModel(id);
  return OneModel(reader, row.number);
}

Result<std::optional<LoggedModel>> NewestReadyModel(db::Reader& reader, const RunId& run) {
  const auto number =
      TRY(reader.One("SELECT model_number FROM logged_models WHERE source_run_id = ? AND "
                     "status = 2 AND lifecycle_stage = 'active' "
                     "ORDER BY creation_ms DESC, model_number DESC LIMIT 1",
                     {run}, [](const db::Row& row) { return row.Int(0); }));
  if (!number) return std::optional<LoggedModel>();
  return std::optional(TRY(OneModel(reader, *number)));
}

}  // namespace tatara::tracking
