// The door of evaluation: how good is a model on rows, and is one better than another?
//
// The law, with formulas and sources, is the user's page docs/tools.md ("evaluate", "gate"). Models
// are ONNX files that run in this process; rows are read by the SQL engine. Functions block and may
// take seconds: call them on the work pool or in a command. Any thread.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "sql/sql.h"
#include "stats/stats.h"

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
  // If not empty: a file with the label and the prediction of each row of `data`, in its order;
  // for classifiers the predicted class and a column probability_CLASS for each class.
  std::string predictions;
};

struct Slice {
  std::string column;
  bool by_range = false;
  Json value;                          // by value; null: the rows without one
  std::optional<double> lower, upper;  // by range (lower, upper]; empty: open
  int64_t rows = 0;
  stats::Metrics metrics;
};

struct Evaluation {
  stats::Task task = stats::Task::kRegression;
  int64_t rows = 0;  // judged
  int64_t rows_without_label = 0;
  int64_t not_finite = 0;  // rows whose prediction is not finite; if any, nothing below is filled
  stats::Metrics metrics;
  std::vector<std::string> classes;             // classification
  std::vector<std::vector<int64_t>> confusion;  // rows = truth, columns = predicted
  std::vector<Slice> slices;
};
// kInvalid: a missing column, a label that is no class, columns of a matrix input unknown, no row
// with a label. Predictions that are not finite are counted, not an error.
Result<Evaluation> Evaluate(const EvaluateOptions& options);
Json ToJson(const Evaluation& evaluation);

// What a model says of each row of a table: a column `prediction` of numbers, or of classes as
// text. kInvalid where it predicts neither, and where a column is missing.
Result<sql::Column> PredictColumn(const ModelSource& source, const sql::Table& table);

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

// kInvalid, with the nearest name: no task has this metric, or it does not say which model is
// better.
Status CheckMetricName(const std::string& metric);
// Four significant digits: a number in a sentence for people.
std::string ShortNumber(double value);

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
