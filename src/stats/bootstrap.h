// Is the candidate better than the champion, or was it luck? The paired bootstrap: rows, or whole
// groups, are drawn with replacement, as many as there are; both models are judged on each draw.
//
// interval = d +- t * s * sqrt(n / (n-1)), d the difference on all rows, s the standard deviation
// (ddof 1) of the resampled differences, t Student's quantile at (1 + confidence) / 2 with n - 1
// degrees of freedom, n the rows or groups drawn: Hesterberg 2015, "t with bootstrap standard
// error". Percentiles would be too narrow for the seven days of a week.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "stats/metrics.h"

namespace tatara::stats {

struct BootstrapOptions {
  std::string metric;  // one of MetricNames of the models' task
  int resamples = 2000;
  uint64_t seed = 7;
  double confidence = 0.95;
};

struct BootstrapResult {
  std::optional<double> candidate;  // nothing: undefined on the data; then all below is, too
  std::optional<double> champion;
  std::optional<double> difference;  // candidate - champion
  std::optional<double> lower;       // nothing: fewer than 2 drawn units, or too many undefined
  std::optional<double> upper;
  int64_t units = 0;      // rows or groups drawn
  int64_t undefined = 0;  // resamples in which the metric was undefined, left out
};

// Both on the same rows in the same order. `group_of_row` holds each row's group, 0 .. groups-1,
// all of them used; empty: rows are drawn. More than 1 % undefined resamples give no interval.
BootstrapResult PairedBootstrap(const Judged& candidate, const Judged& champion,
                                std::span<const uint32_t> group_of_row,
                                const BootstrapOptions& options);

}  // namespace tatara::stats
