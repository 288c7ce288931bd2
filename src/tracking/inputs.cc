// Dataset inputs of runs, and the logged models that they read and wrote.
#include "os/random.h"
#include "tracking/runs.h"
#include "tracking/store.h"
#include "tracking/validate.h"

namespace tatara::tracking {
namespace {

Result<std::string> FindOrAddDataset(db::Tx& tx, const RunRow& run, const Dataset& dataset) {
  const auto found = TRY(
      tx.One("SELECT dataset_id FROM datasets WHERE experiment_id = ? AND name = ? AND digest = ?",
             {run.experiment_id, dataset.name, dataset.digest},
             [](const db::Row& row) { return row.Text(0); }));
  if (found) return *found;
  const std::string id = os::NewId(Time{});
  TRY(
      tx.Exec("INSERT INTO datasets (dataset_id, experiment_id, name, digest, source_type, source, "
              "schema, profile) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
              {id, run.experiment_id, dataset.name, dataset.digest, dataset.source_type,
               dataset.source, dataset.schema, dataset.profile}));
  return id;
}

Status AddDataset(db::Tx& tx, const RunRow& run, const DatasetInput& input) {
  const std::string id = TRY(FindOrAddDataset(tx, run, input.dataset));
  const int64_t added =
      TRY(tx.Exec("INSERT INTO run_datasets (run_number, dataset_id) "
                  "VALUES (?, ?) ON CONFLICT (run_number, dataset_id) DO NOTHING",
                  {run.number, id}));
  // The first input of a dataset says its tags; later ones are repeats.
  if (added == 0) return {};
  for (const auto& tag : input.tags) {
    TRY(
        tx.Exec("INSERT INTO run_dataset_tags (run_number, dataset_id, key, value) "
                "VALUES (?, ?, ?, ?) ON CONFLICT (run_number, dataset_id, key) "
                "DO UPDATE SET value = excluded.value",
                {run.number, id, tag.key, tag.value}));
  }
  return {};
}

Status AddModelLinks(db::Tx& tx, const RunRow& run, std::string_view role,
                     const std::vector<ModelLink>& models) {
  for (const auto& model : models) {
    TRY(
        tx.Exec("INSERT INTO run_models (run_number, role, model_id, step) VALUES (?, ?, ?, ?) "
                "ON CONFLICT (run_number, role, model_id, step) DO NOTHING",
                {run.number, role, model.model_id, model.step}));
  }
  return {};
}

}  // namespace

Status LogInputs(db::Tx& tx, const RunId& id, const RunInputs& inputs) {
  TRY(CheckRunId(id.value));
  for (const auto& input : inputs.datasets) TRY(CheckDataset(input));
  const RunRow run = TRY(FindActiveRun(tx, id.value));
  for (const auto& input : inputs.datasets) TRY(AddDataset(tx, run, input));
  return AddModelLinks(tx, run, "input", inputs.models);
}

Status LogOutputs(db::Tx& tx, const RunId& id, const std::vector<ModelLink>& models) {
  const RunRow run = TRY(FindActiveRun(tx, id.value));
  return AddModelLinks(tx, run, "output", models);
}

}  // namespace tatara::tracking
