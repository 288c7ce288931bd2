// What tracking keeps, as plain structs: MLflow's entities with MLflow's meaning.
//
// Units: `_ms` are milliseconds since 1970 UTC, as the protocol gives them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/id.h"

namespace tatara::tracking {

struct KeyValue {
  std::string key;
  std::string value;
  bool operator==(const KeyValue&) const = default;
};

enum class Stage { kActive, kDeleted };  // MLflow's lifecycle_stage
enum class StageView { kActive, kDeleted, kAll };

struct Experiment {
  int64_t id = 0;
  std::string name;
  std::string artifact_location;
  Stage stage = Stage::kActive;
  int64_t creation_ms = 0;
  int64_t last_update_ms = 0;
  std::vector<KeyValue> tags;
};

enum class RunStatus { kRunning, kScheduled, kFinished, kFailed, kKilled };

// A logged point. NaN is kept as NaN (it sorts and compares as 0), an infinity becomes the largest
// double of its sign, as MLflow's SQL store does.
struct Metric {
  std::string key;
  double value = 0;
  int64_t timestamp_ms = 0;  // >= 0
  int64_t step = 0;
  std::string model_id;  // the logged model that it also describes, or empty
  std::string dataset_name;
  std::string dataset_digest;
  std::string run_id;  // filled where metrics of several runs are answered together
};

struct Dataset {
  std::string name;
  std::string digest;
  std::string source_type;
  std::string source;
  std::optional<std::string> schema;
  std::optional<std::string> profile;
};
struct DatasetInput {
  Dataset dataset;
  std::vector<KeyValue> tags;
};
struct ModelLink {
  std::string model_id;
  int64_t step = 0;  // of outputs
};

struct RunInfo {
  RunId id;
  int64_t experiment_id = 0;
  std::string name;
  std::string user_id;
  RunStatus status = RunStatus::kRunning;
  std::optional<int64_t> start_ms;
  std::optional<int64_t> end_ms;
  Stage stage = Stage::kActive;
  std::string artifact_uri;
  std::string caller;  // the job attempt that created it, or empty
};

struct Run {
  RunInfo info;
  std::vector<Metric> metrics;  // the latest of each key
  std::vector<KeyValue> params;
  std::vector<KeyValue> tags;
  std::vector<DatasetInput> datasets;
  std::vector<ModelLink> input_models;
  std::vector<ModelLink> output_models;

  // The value of a key, or null. Metric: the latest point.
  const Metric* FindMetric(std::string_view key) const;
  const std::string* FindParam(std::string_view key) const;
  const std::string* FindTag(std::string_view key) const;
};

enum class ModelStatus { kPending = 1, kReady = 2, kUploadFailed = 3 };

struct LoggedModel {
  std::string id;  // "m-" and 32 hex digits
  int64_t experiment_id = 0;
  std::string name;
  std::string artifact_location;
  ModelStatus status = ModelStatus::kPending;
  std::string model_type;
  std::string source_run_id;
  Stage stage = Stage::kActive;
  int64_t creation_ms = 0;
  int64_t last_updated_ms = 0;
  std::vector<KeyValue> params;
  std::vector<KeyValue> tags;
  std::vector<Metric> metrics;  // every point that was logged to it
};

template <class T>
struct Page {
  std::vector<T> items;
  std::string next_token;  // empty: this was the last page
};

std::string_view StatusName(RunStatus status);  // "RUNNING", ...
std::optional<RunStatus> ParseStatus(std::string_view name);
std::string_view StageName(Stage stage);  // "active", "deleted"

}  // namespace tatara::tracking
