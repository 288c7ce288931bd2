#include "stats/bootstrap.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/result.h"
#include "stats/counted_metric.h"
#include "stats/distributions.h"
#include "stats/random.h"

namespace tatara::stats {
namespace {

constexpr double kUndefinedShareMax = 0.01;

// How often each of n units was drawn in n draws with replacement.
void Draw(Random& random, std::vector<uint32_t>& counts) {
  std::fill(counts.begin(), counts.end(), 0);
  const auto n = static_cast<uint32_t>(counts.size());
  for (uint32_t i = 0; i < n; ++i) ++counts[random.Below(n)];
}

// Standard deviation with ddof 1.
double Deviation(const std::vector<double>& values) {
  double sum = 0, squares = 0;
  for (double x : values) sum += x;
  const double mean = sum / static_cast<double>(values.size());
  for (double x : values) squares += (x - mean) * (x - mean);
  return std::sqrt(squares / static_cast<double>(values.size() - 1));
}

size_t UnitCount(const Judged& judged, std::span<const uint32_t> group_of_row) {
  if (group_of_row.empty()) return judged.rows();
  return *std::max_element(group_of_row.begin(), group_of_row.end()) + size_t{1};
}

}  // namespace

BootstrapResult PairedBootstrap(const Judged& candidate, const Judged& champion,
                                std::span<const uint32_t> group_of_row,
                                const BootstrapOptions& options) {
  CHECK(candidate.rows() == champion.rows() && candidate.rows() > 0);
  const Units units{group_of_row, UnitCount(candidate, group_of_row)};
  const auto of_candidate = PrepareMetric(candidate, options.metric, units);
  const auto of_champion = PrepareMetric(champion, options.metric, units);
  std::vector<uint32_t> counts(units.count, 1);
  BootstrapResult out;
  out.units = static_cast<int64_t>(units.count);
  out.candidate = of_candidate->Value(counts);
  out.champion = of_champion->Value(counts);
  if (!out.candidate || !out.champion) return out;
  out.difference = *out.candidate - *out.champion;
  if (units.count < 2) return out;

  Random random(options.seed);
  std::vector<double> differences;
  differences.reserve(static_cast<size_t>(options.resamples));
  for (int i = 0; i < options.resamples; ++i) {
    Draw(random, counts);
    const auto a = of_candidate->Value(counts);
    const auto b = a ? of_champion->Value(counts) : std::nullopt;
    if (a && b) differences.push_back(*a - *b);
  }
  out.undefined = options.resamples - static_cast<int64_t>(differences.size());
  const bool too_many = static_cast<double>(out.undefined) > kUndefinedShareMax * options.resamples;
  if (too_many || differences.size() < 2) return out;
  const auto n = static_cast<double>(units.count);
  const double t = StudentQuantile((1 + options.confidence) / 2, n - 1);
  const double half = t * Deviation(differences) * std::sqrt(n / (n - 1));
  out.lower = *out.difference - half;
  out.upper = *out.difference + half;
  return out;
}

}  // namespace tatara::stats
