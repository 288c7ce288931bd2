// Logged models (MLflow 3): a model as a thing of its own, with files, params, tags and metrics.
#pragma once

#include "db/db.h"
#include "tracking/types.h"

namespace tatara::tracking {

struct NewLoggedModel {
  int64_t experiment_id = 0;
  std::string name;  // empty: made up
  std::string model_type;
  std::string source_run_id;
  std::vector<KeyValue> params;
  std::vector<KeyValue> tags;
};
Result<LoggedModel> CreateLoggedModel(db::Tx& tx, const NewLoggedModel& wanted, Time now);
Result<LoggedModel> FinalizeLoggedModel(db::Tx& tx, std::string_view id, ModelStatus status,
                                        Time now);
Status DeleteLoggedModel(db::Tx& tx, std::string_view id, Time now);
Status LogModelParams(db::Tx& tx, std::string_view id, const std::vector<KeyValue>& params);
Status SetModelTags(db::Tx& tx, std::string_view id, const std::vector<KeyValue>& tags);
Status DeleteModelTag(db::Tx& tx, std::string_view id, std::string_view key);

Result<LoggedModel> GetLoggedModel(db::Reader& reader, std::string_view id,
                                   bool also_deleted = false);
// The newest READY logged model whose source is this run, or nothing.
Result<std::optional<LoggedModel>> NewestReadyModel(db::Reader& reader, const RunId& run);

}  // namespace tatara::tracking
