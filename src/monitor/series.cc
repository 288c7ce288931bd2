#include "monitor/series.h"

#include <algorithm>

#include "stats/stats.h"

namespace tatara::monitor {
namespace {

struct Series {
  std::string_view name, dimension;
};

constexpr Series kSeries[] = {
    {"feature_drift", "feature"},
    {"feature_js_distance", "feature"},
    {"feature_ks_statistic", "feature"},
    {"feature_ks_pvalue", "feature"},
    {"feature_wasserstein", "feature"},
    {"feature_wasserstein_norm", "feature"},
    {"feature_l_infinity", "feature"},
    {"feature_chi_square", "feature"},
    {"feature_chi_square_pvalue", "feature"},
    {"feature_null_rate_difference", "feature"},
    {"feature_missing", "feature"},
    {"feature_out_of_range", "feature"},
    {"feature_type_fault", "feature"},
    {"prediction_drift", ""},
    {"model_quality", "metric"},
    {"data_fault", "rule"},
};

}  // namespace

std::vector<std::string> SeriesNames() {
  std::vector<std::string> names;
  for (const Series& series : kSeries) names.emplace_back(series.name);
  return names;
}

std::optional<std::string> DimensionOf(std::string_view name) {
  const auto found = std::ranges::find(kSeries, name, &Series::name);
  if (found == std::end(kSeries)) return std::nullopt;
  return std::string(found->dimension);
}

std::vector<std::string> QualityMetrics() {
  std::vector<std::string> names;
  using stats::Task;
  for (const Task task : {Task::kRegression, Task::kBinary, Task::kMulticlass}) {
    for (std::string& name : stats::MetricNames(task)) {
      if (std::ranges::find(names, name) == names.end()) names.push_back(std::move(name));
    }
  }
  return names;
}

}  // namespace tatara::monitor
