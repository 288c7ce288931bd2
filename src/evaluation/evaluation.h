// The door of evaluation: how good is a model on rows, and is one better than another?
//
// The law, with formulas and sources, is the user's page docs/tools.md ("evaluate", "gate"). Models
// are ONNX files that run in this process; rows are read by the SQL engine. Functions block and may
// take seconds: call them on the work pool or in a command. Any thread.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace tatara::evaluation {

// A model as both functions take it. Who resolves "models:/name/3" is the caller's business.
struct ModelSource {
  std::string path;                   // the ONNX file
  std::string name;                   // for messages: the URI or path that the user gave
  std::vector<std::string> features;  // of its signature, for one matrix input; may be empty
};

// How rows become inputs and outputs become predictions (the same for both functions).
struct TaskOptions {
  std::string label;
  std::vector<std::string> features;  // --features; empty: the model's own
  std::vector<std::string> classes;   // --classes
  std::string positive;               // --positive
  bool binary = false;                // --task binary: one number is the positive's probability
  double threshold = 0.5;
};

struct EvaluateOptions {
  ModelSource model;
  std::string data;  // .parquet or .csv
  TaskOptions task;
  std::vector<std::string> slices;
  std::string predictions;  // --predictions FILE: written if not empty
};

using Metrics = std::map<std::string, std::optional<double>>;  // empty: undefined

struct Slice {
  std::string column;
  bool by_range = false;
  std::optional<std::string> value;    // by value; empty: null
  std::optional<double> lower, upper;  // by range (lower, upper]; empty: open
  bool numeric_value = false;          // the value stands as a number in JSON
  int64_t rows = 0;
  Metrics metrics;
};

struct Evaluation {
  std::string task;  // "regression", "binary", "multiclass"
  int64_t rows = 0;
  int64_t rows_without_label = 0;
  std::vector<std::pair<std::string, std::optional<double>>> metrics;  // in the page's order
  std::vector<std::string> labels;                                     // of the confusion matrix
  std::vector<std::vector<int64_t>> confusion;  // rows = truth, columns = predicted
  std::vector<Slice> slices;
  int64_t not_finite = 0;  // rows with a prediction that is not finite: the work failed (exit 1)
};
Result<Evaluation> Evaluate(const EvaluateOptions& options);
Json ToJson(const Evaluation& evaluation);

struct GateOptions {
  ModelSource candidate, champion;
  std::string data;
  TaskOptions task;
  std::string metric;
  std::string group;  // a column whose rows hang together; empty: rows
  int64_t resamples = 2000;
  uint64_t seed = 7;
  double confidence = 0.95;
  int64_t min_rows = 30;
  int64_t min_groups = 5;
};

enum class Verdict { kPromote, kKeep, kRefuse };
std::string_view VerdictName(Verdict verdict);  // "promote", "keep", "refuse"

struct GateReport {
  Verdict verdict = Verdict::kRefuse;
  std::string reason;
  std::string metric;
  bool lower_is_better = true;
  int64_t rows = 0;
  std::optional<int64_t> groups;
  std::optional<double> candidate, champion, difference;
  std::optional<std::pair<double, double>> interval;
  double confidence = 0.95;
  int64_t resamples = 0;
  uint64_t seed = 0;
};
// kInvalid: an unknown metric or one of another task, a missing column, models of different tasks.
// What the data cannot decide is a verdict, kRefuse, not an error.
Result<GateReport> Gate(const GateOptions& options);
Json ToJson(const GateReport& report);

}  // namespace tatara::evaluation
