// How good predictions are: the metrics of `tatara evaluate` and `tatara gate`, defined as
// scikit-learn 1.7 does with zero_division=0 where it has them.
//
// Regression (e = prediction - label): mae, mse, rmse, bias = mean e, median_absolute_error, r2
// (nothing when the label is constant), mape as a share (nothing when a label is 0).
// Classification: accuracy, precision, recall, f1 (binary: of the positive class), the same with
// _macro (over classes in labels or predictions) and _weighted (by support), log_loss (natural,
// clipped at 2^-52), roc_auc (ties count half; multiclass: mean of one-vs-rest), pr_auc (average
// precision), brier (binary: mean (p-y)^2; multiclass: mean of the sum over classes).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tatara::stats {

enum class Task { kRegression, kBinary, kMulticlass };
std::string_view TaskName(Task task);  // "regression", "binary", "multiclass"

// What one model said about labelled rows. Spans belong to the caller. No NaN anywhere.
struct Judged {
  Task task = Task::kRegression;
  // Regression.
  std::span<const double> label;
  std::span<const double> prediction;
  // Classification: indices below `classes`.
  std::span<const int32_t> label_class;
  std::span<const int32_t> predicted_class;
  std::span<const double> probabilities;  // row after row, `classes` each; empty: there are none
  int classes = 0;
  int positive = 1;  // binary only: which of the two

  size_t rows() const { return task == Task::kRegression ? label.size() : label_class.size(); }
};

struct MetricValue {
  std::string name;
  std::optional<double> value;  // nothing: undefined on these rows
};
using Metrics = std::vector<MetricValue>;

// The names that a task has, in the order of reports.
std::vector<std::string> MetricNames(Task task);
// Nothing for a name that orders no models: unknown ones and `bias`.
std::optional<bool> LowerIsBetter(std::string_view metric);

// All of the task's metrics; rows must not be empty.
Metrics AllMetrics(const Judged& judged);
// One of MetricNames(judged.task).
std::optional<double> OneMetric(const Judged& judged, std::string_view metric);
// Rows: truth; columns: predicted.
std::vector<std::vector<int64_t>> ConfusionMatrix(const Judged& judged);

}  // namespace tatara::stats
