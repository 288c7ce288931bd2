// Experiments. Id 0, "Default", always exists; names stay taken while their experiment is deleted.
#pragma once

#include "db/db.h"
#include "tracking/types.h"

namespace tatara::tracking {

struct NewExperiment {
  std::string name;
  std::string artifact_location;  // empty: "mlflow-artifacts:/<id>"
  std::vector<KeyValue> tags;
};
Result<int64_t> CreateExperiment(db::Tx& tx, const NewExperiment& wanted, Time now);

// The id as it stands on the wire: empty means 0; no integer is kInvalid.
Result<int64_t> ParseExperimentId(std::string_view text);

Result<Experiment> GetExperiment(db::Reader& reader, int64_t id);  // also a deleted one
Result<std::optional<Experiment>> FindExperiment(db::Reader& reader, std::string_view name);

Status RenameExperiment(db::Tx& tx, int64_t id, std::string_view name, Time now);
// Deleting marks all its runs deleted; restoring revives all of them (MLflow's semantics).
Status DeleteExperiment(db::Tx& tx, int64_t id, Time now);
Status RestoreExperiment(db::Tx& tx, int64_t id, Time now);
Status SetExperimentTag(db::Tx& tx, int64_t id, const KeyValue& tag);
Status DeleteExperimentTag(db::Tx& tx, int64_t id, std::string_view key);

}  // namespace tatara::tracking
