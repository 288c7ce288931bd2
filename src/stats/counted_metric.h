// A metric made ready to be computed many times, on rows that count 0, 1, 2 ... times each: what
// the bootstrap draws. Counting once each gives the plain metric, so each is defined once, here.
//
// Rows are gathered into units (groups); a unit's rows count alike. Immutable; any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "stats/metrics.h"

namespace tatara::stats {

class CountedMetric {
 public:
  virtual ~CountedMetric() = default;
  // `counts` has an entry for each unit. Nothing: undefined on these rows.
  virtual std::optional<double> Value(std::span<const uint32_t> counts) const = 0;
};

struct Units {
  std::span<const uint32_t> unit_of_row;  // empty: each row is a unit
  size_t count = 0;
  uint32_t Of(size_t row) const {
    return unit_of_row.empty() ? static_cast<uint32_t>(row) : unit_of_row[row];
  }
};

// `metric` is one of MetricNames(judged.task). What `judged` shows must outlive nothing: copied.
std::unique_ptr<CountedMetric> PrepareMetric(const Judged& judged, std::string_view metric,
                                             const Units& units);

}  // namespace tatara::stats
