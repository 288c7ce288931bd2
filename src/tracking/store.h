// Inside tracking: what the mutators and searches share.
#pragma once

#include "db/db.h"
#include "tracking/types.h"

namespace tatara::tracking {

// Where a run stands: its number, the key of its children.
struct RunRow {
  int64_t number = 0;
  int64_t experiment_id = 0;
  bool active = true;
};
Result<RunRow> FindRun(db::Reader& reader, std::string_view id);        // also a deleted one
Result<RunRow> FindActiveRun(db::Reader& reader, std::string_view id);  // else kInvalid

// Whole runs by number, in the order asked; unknown numbers are left out. A fixed number of
// statements for each 64 runs.
Result<std::vector<Run>> LoadRuns(db::Reader& reader, const std::vector<int64_t>& numbers);

// The run itself, without its children.
Result<RunInfo> LoadRunInfo(db::Reader& reader, int64_t number);

// Points of one run; each key's latest point follows MLflow's rule. Both clamp infinities.
Status InsertMetrics(db::Tx& tx, const RunRow& run, const std::vector<Metric>& metrics);
Status InsertModelMetrics(db::Tx& tx, const RunId& run, const std::vector<Metric>& metrics);

Status SetTags(db::Tx& tx, const RunRow& run, const std::vector<KeyValue>& tags);

Result<std::vector<LoggedModel>> LoadLoggedModels(db::Reader& reader,
                                                  const std::vector<int64_t>& numbers);

// "learned-otter-417": what a run or model without a name is called.
std::string RandomName();

Status AppendEvent(db::Tx& tx, Time now, std::string_view type, std::string subject,
                   std::initializer_list<std::pair<std::string, std::string>> detail);

}  // namespace tatara::tracking
