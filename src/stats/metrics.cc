#include "stats/metrics.h"

#include <algorithm>
#include <array>

#include "stats/counted_metric.h"

namespace tatara::stats {
namespace {

struct MetricInfo {
  std::string_view name;
  bool regression;
  bool binary;
  bool multiclass;
  std::optional<bool> lower_is_better;
  bool needs_probabilities = false;
};

constexpr bool kLower = true, kHigher = false;

constexpr MetricInfo kMetrics[] = {
    {"mae", true, false, false, kLower},
    {"mse", true, false, false, kLower},
    {"rmse", true, false, false, kLower},
    {"bias", true, false, false, std::nullopt},
    {"median_absolute_error", true, false, false, kLower},
    {"r2", true, false, false, kHigher},
    {"mape", true, false, false, kLower},
    {"accuracy", false, true, true, kHigher},
    {"precision", false, true, false, kHigher},
    {"recall", false, true, false, kHigher},
    {"f1", false, true, false, kHigher},
    {"precision_macro", false, true, true, kHigher},
    {"recall_macro", false, true, true, kHigher},
    {"f1_macro", false, true, true, kHigher},
    {"precision_weighted", false, true, true, kHigher},
    {"recall_weighted", false, true, true, kHigher},
    {"f1_weighted", false, true, true, kHigher},
    {"log_loss", false, true, true, kLower, true},
    {"roc_auc", false, true, true, kHigher, true},
    {"pr_auc", false, true, true, kHigher, true},
    {"brier", false, true, true, kLower, true},
};

bool Belongs(const MetricInfo& metric, Task task) {
  switch (task) {
    case Task::kRegression:
      return metric.regression;
    case Task::kBinary:
      return metric.binary;
    case Task::kMulticlass:
      return metric.multiclass;
  }
  return false;
}

}  // namespace

std::string_view TaskName(Task task) {
  constexpr std::array<std::string_view, 3> kNames = {"regression", "binary", "multiclass"};
  return kNames[static_cast<size_t>(task)];
}

std::vector<std::string> MetricNames(Task task) {
  std::vector<std::string> names;
  for (const MetricInfo& metric : kMetrics) {
    if (Belongs(metric, task)) names.emplace_back(metric.name);
  }
  return names;
}

std::optional<bool> LowerIsBetter(std::string_view name) {
  for (const MetricInfo& metric : kMetrics) {
    if (metric.name == name) return metric.lower_is_better;
  }
  return std::nullopt;
}

std::optional<double> OneMetric(const Judged& judged, std::string_view metric) {
  const Units units{.count = judged.rows()};
  const std::vector<uint32_t> once(judged.rows(), 1);
  return PrepareMetric(judged, metric, units)->Value(once);
}

Metrics AllMetrics(const Judged& judged) {
  const bool ranked = judged.rows() == 0 || !judged.probabilities.empty();
  Metrics out;
  for (const MetricInfo& metric : kMetrics) {
    if (!Belongs(metric, judged.task) || (metric.needs_probabilities && !ranked)) continue;
    out.push_back({std::string(metric.name), OneMetric(judged, metric.name)});
  }
  return out;
}

std::vector<std::vector<int64_t>> ConfusionMatrix(const Judged& judged) {
  const auto classes = static_cast<size_t>(judged.classes);
  std::vector<std::vector<int64_t>> matrix(classes, std::vector<int64_t>(classes));
  for (size_t row = 0; row < judged.rows(); ++row) {
    ++matrix[static_cast<size_t>(judged.label_class[row])]
            [static_cast<size_t>(judged.predicted_class[row])];
  }
  return matrix;
}

}  // namespace tatara::stats
