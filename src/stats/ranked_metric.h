// The metrics that need rows in an order: medians and the areas under curves. The sort is done
// once; each Value is one sweep.
#pragma once

#include <memory>

#include "stats/counted_metric.h"

namespace tatara::stats {

enum class Ranking { kRoc, kPrecisionRecall };

std::unique_ptr<CountedMetric> PrepareMedianError(const Judged& judged, const Units& units);
std::unique_ptr<CountedMetric> PrepareRanking(const Judged& judged, Ranking ranking,
                                              const Units& units);

}  // namespace tatara::stats
