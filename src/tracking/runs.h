// Runs and what is logged to them.
//
// Semantics are MLflow's: params are immutable, tags are overwritten, an exact repeat of a metric
// point is dropped, the latest point is the greatest (step, timestamp, value). Writes to a deleted
// run are refused, reads are not. A log-batch is checked whole before anything is written, and is
// one transaction: all or nothing.
#pragma once

#include "base/json.h"
#include "db/db.h"
#include "tracking/types.h"

namespace tatara::tracking {

struct NewRun {
  int64_t experiment_id = 0;
  std::string user_id;
  std::string name;  // empty: tag mlflow.runName, else made up
  std::optional<int64_t> start_ms;
  std::vector<KeyValue> tags;
  // The job attempt that asks, and a digest of its request: the same request of the same attempt
  // returns the run of the first one (a client repeats it when the answer was lost).
  std::string caller;
  std::string request_digest;
};
Result<Run> CreateRun(db::Tx& tx, const NewRun& wanted, Time now);

struct RunChange {
  std::optional<RunStatus> status;
  std::optional<int64_t> end_ms;
  std::string name;  // empty: as it is
};
Result<RunInfo> UpdateRun(db::Tx& tx, const RunId& id, const RunChange& change, Time now);
Status DeleteRun(db::Tx& tx, const RunId& id, Time now);
Status RestoreRun(db::Tx& tx, const RunId& id, Time now);

struct Batch {
  std::vector<Metric> metrics;
  std::vector<KeyValue> params;
  std::vector<KeyValue> tags;
};
// Pure checks of a batch, in MLflow's words; truncates over-long param and tag values (as MLflow
// does by default). Call it before LogBatch, outside of the transaction.
Status CheckBatch(Batch& batch);
Status LogBatch(db::Tx& tx, const RunId& id, const Batch& batch, Time now);

Status LogMetric(db::Tx& tx, const RunId& id, const Metric& metric);
Status LogParam(db::Tx& tx, const RunId& id, KeyValue param);
// Setting mlflow.runName renames the run.
Status SetTag(db::Tx& tx, const RunId& id, KeyValue tag);
Status DeleteTag(db::Tx& tx, const RunId& id, std::string_view key);

// Appends to the run's tag mlflow.log-model.history, a JSON list (clients before 3.0).
Status AppendModelHistory(db::Tx& tx, const RunId& id, const Json& entry);

struct RunInputs {
  std::vector<DatasetInput> datasets;
  std::vector<ModelLink> models;
};
Status LogInputs(db::Tx& tx, const RunId& id, const RunInputs& inputs);
Status LogOutputs(db::Tx& tx, const RunId& id, const std::vector<ModelLink>& models);

// A run with its latest metrics, params, tags, inputs and outputs; also a deleted one.
Result<Run> GetRun(db::Reader& reader, const RunId& id);
// The runs that a job attempt created, oldest first.
Result<std::vector<Run>> RunsOfCaller(db::Reader& reader, std::string_view caller);

struct HistoryQuery {
  std::string key;
  std::optional<int64_t> max_results;  // none: all
  std::string page_token;
};
// Ordered by timestamp, step, value.
Result<Page<Metric>> MetricHistory(db::Reader& reader, const RunId& id, const HistoryQuery& query);

struct BulkHistoryQuery {
  std::vector<std::string> run_ids;
  std::string key;
  int64_t max_results = 0;  // of all runs together
};
// Run by run in the order of their ids, each as MetricHistory; unknown runs have no points.
Result<std::vector<Metric>> BulkHistory(db::Reader& reader, const BulkHistoryQuery& query);

struct SampledHistoryQuery {
  std::vector<std::string> run_ids;
  std::string key;
  int64_t max_results = 0;                             // of each run; at least 1
  std::optional<std::pair<int64_t, int64_t>> steps{};  // the first and the last; none: all
};
// Run by run as named, each ordered by step, timestamp, value and thinned out evenly; a run's first
// and last point are kept (with max_results 1 the last). Unknown runs have no points.
Result<std::vector<Metric>> SampledHistory(db::Reader& reader, const SampledHistoryQuery& query);

}  // namespace tatara::tracking
