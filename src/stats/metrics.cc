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
    {"log_loss", false, true, true, kLower},
    {"roc_auc", false, true, true, kHigher},
    {"pr_auc", false, true, true, kHigher},
    {"brier", false, true, true, kLower},
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

bool NeedsProbabilities(std::string_view metric) {
  constexpr std::string_view kNames[] = {"log_loss", "roc_auc", "pr_auc", "brier"};
  return std::ranges::find(kNames, metric) != std::end(kNames);
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
  Metrics out;
  for (std::string& name : MetricNames(judged.task)) {
    const auto value = OneMetric(judged, name);
    out.push_back({std::move(name), value});
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
