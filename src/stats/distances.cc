#include "stats/distances.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/result.h"
#include "stats/distributions.h"

namespace tatara::stats {
namespace {

constexpr double kShareFloor = 1e-4;
constexpr int64_t kExactMax = 10'000;

Counts SplitMissing(std::span<const double> values, std::vector<double>& present) {
  present.reserve(values.size());
  for (double value : values) {
    if (!std::isnan(value)) present.push_back(value);
  }
  const auto kept = static_cast<int64_t>(present.size());
  return {kept, static_cast<int64_t>(values.size()) - kept};
}

std::span<const double> FiniteOf(std::span<const double> sorted) {
  const double infinity = std::numeric_limits<double>::infinity();
  const auto begin = std::upper_bound(sorted.begin(), sorted.end(), -infinity);
  const auto end = std::lower_bound(begin, sorted.end(), infinity);
  return {begin, end};
}

std::optional<double> PopulationDeviation(std::span<const double> sorted) {
  if (sorted.empty() || sorted.front() == sorted.back()) return std::nullopt;
  long double sum = 0, squares = 0;
  for (double x : sorted) sum += x;
  const long double mean = sum / sorted.size();
  for (double x : sorted) squares += (x - mean) * (x - mean);
  return static_cast<double>(std::sqrt(squares / sorted.size()));
}

// Rows of ascending values in the bins (lower, upper].
std::vector<int64_t> CountBins(std::span<const double> sorted, std::span<const double> edges) {
  std::vector<int64_t> bins(edges.size() + 1);
  auto begin = sorted.begin();
  for (size_t i = 0; i < edges.size(); ++i) {
    const auto end = std::upper_bound(begin, sorted.end(), edges[i]);
    bins[i] = end - begin;
    begin = end;
  }
  bins.back() = sorted.end() - begin;
  return bins;
}

std::vector<double> Shares(std::span<const int64_t> counts, int64_t total) {
  std::vector<double> shares(counts.size());
  for (size_t i = 0; i < counts.size(); ++i) {
    shares[i] = static_cast<double>(counts[i]) / static_cast<double>(total);
  }
  return shares;
}

std::optional<double> NullRateDifference(const Counts& baseline, const Counts& current) {
  if (baseline.rows() == 0 || current.rows() == 0) return std::nullopt;
  const auto share = [](const Counts& counts) {
    return static_cast<double>(counts.missing) / static_cast<double>(counts.rows());
  };
  return share(current) - share(baseline);
}

// Calls fn(x rows up to here, y rows up to here, value, next value) at each distinct value of both
// ascending samples; the last value has itself as next.
template <class Fn>
void Merge(std::span<const double> x, std::span<const double> y, Fn fn) {
  size_t i = 0, j = 0;
  while (i < x.size() || j < y.size()) {
    const double value = j == y.size() ? x[i] : (i == x.size() ? y[j] : std::min(x[i], y[j]));
    while (i < x.size() && x[i] == value) ++i;
    while (j < y.size() && y[j] == value) ++j;
    double next = value;
    if (i < x.size()) next = j < y.size() ? std::min(x[i], y[j]) : x[i];
    if (i == x.size() && j < y.size()) next = y[j];
    fn(i, j, value, next);
  }
}

}  // namespace

double Quantile(std::span<const double> sorted, double q) {
  CHECK(!sorted.empty());
  const double h = static_cast<double>(sorted.size() - 1) * q;
  const double floor = std::floor(h);
  const auto i = static_cast<size_t>(floor);
  if (i + 1 >= sorted.size()) return sorted.back();
  const double t = h - floor, a = sorted[i], b = sorted[i + 1];
  return t < 0.5 ? a + (b - a) * t : b - (b - a) * (1 - t);
}

double Psi(std::span<const double> p, std::span<const double> q) {
  double sum = 0;
  for (size_t i = 0; i < p.size(); ++i) {
    const double a = std::max(p[i], kShareFloor), b = std::max(q[i], kShareFloor);
    sum += (b - a) * std::log(b / a);
  }
  return sum;
}

double JsDistance(std::span<const double> p, std::span<const double> q) {
  double sum = 0;
  for (size_t i = 0; i < p.size(); ++i) {
    const double middle = (p[i] + q[i]) / 2;
    if (p[i] > 0) sum += p[i] * std::log(p[i] / middle);
    if (q[i] > 0) sum += q[i] * std::log(q[i] / middle);
  }
  return std::sqrt(std::max(sum / 2, 0.0));
}

double LInfinity(std::span<const double> p, std::span<const double> q) {
  double largest = 0;
  for (size_t i = 0; i < p.size(); ++i) largest = std::max(largest, std::abs(p[i] - q[i]));
  return largest;
}

TestResult ChiSquare(std::span<const int64_t> baseline, std::span<const int64_t> current) {
  const auto n = static_cast<double>(std::accumulate(baseline.begin(), baseline.end(), int64_t{0}));
  const auto m = static_cast<double>(std::accumulate(current.begin(), current.end(), int64_t{0}));
  if (baseline.size() < 2) return {0, 1};
  double sum = 0;
  for (size_t i = 0; i < baseline.size(); ++i) {
    const auto a = static_cast<double>(baseline[i]), b = static_cast<double>(current[i]);
    const double expected_a = n * (a + b) / (n + m), expected_b = m * (a + b) / (n + m);
    sum += (a - expected_a) * (a - expected_a) / expected_a;
    sum += (b - expected_b) * (b - expected_b) / expected_b;
  }
  return {sum, ChiSquareTail(sum, static_cast<double>(baseline.size() - 1))};
}

TestResult KolmogorovSmirnov(std::span<const double> x, std::span<const double> y) {
  const auto n = static_cast<int64_t>(x.size()), m = static_cast<int64_t>(y.size());
  CHECK(n > 0 && m > 0);
  int64_t widest = 0;  // |i/n - j/m| in units of 1 / (n m)
  Merge(x, y, [&](size_t i, size_t j, double, double) {
    const int64_t gap = static_cast<int64_t>(i) * m - static_cast<int64_t>(j) * n;
    widest = std::max(widest, std::abs(gap));
  });
  const double product = static_cast<double>(n) * static_cast<double>(m);
  const double statistic = static_cast<double>(widest) / product;
  if (std::max(n, m) <= kExactMax) {
    return {statistic, KolmogorovExactTail(n, m, widest / std::gcd(n, m))};
  }
  return {statistic, KolmogorovTail(statistic * std::sqrt(product / static_cast<double>(n + m)))};
}

double Wasserstein(std::span<const double> x, std::span<const double> y) {
  const auto n = static_cast<double>(x.size()), m = static_cast<double>(y.size());
  double sum = 0;
  Merge(x, y, [&](size_t i, size_t j, double value, double next) {
    sum += std::abs(static_cast<double>(i) / n - static_cast<double>(j) / m) * (next - value);
  });
  return sum;
}

NumericBaseline NumericBaseline::From(std::span<const double> values) {
  NumericBaseline baseline;
  baseline.counts_ = SplitMissing(values, baseline.sorted_);
  std::sort(baseline.sorted_.begin(), baseline.sorted_.end());
  const auto finite = FiniteOf(baseline.sorted_);
  for (int k = 1; k <= 9 && !finite.empty(); ++k) {
    const double edge = Quantile(finite, k / 10.0);
    if (baseline.edges_.empty() || edge != baseline.edges_.back()) baseline.edges_.push_back(edge);
  }
  // Rounding of the interpolation may put a quantile a hair below the one before it.
  std::sort(baseline.edges_.begin(), baseline.edges_.end());
  baseline.bins_ = CountBins(baseline.sorted_, baseline.edges_);
  baseline.deviation_ = PopulationDeviation(finite);
  return baseline;
}

NumericDistance NumericBaseline::Compare(std::span<const double> current) const {
  std::vector<double> window;
  NumericDistance out;
  out.baseline = counts_;
  out.current = SplitMissing(current, window);
  out.null_rate_difference = NullRateDifference(out.baseline, out.current);
  if (sorted_.empty() || window.empty()) return out;
  std::sort(window.begin(), window.end());
  const auto p = Shares(bins_, counts_.present);
  const auto q = Shares(CountBins(window, edges_), out.current.present);
  out.psi = Psi(p, q);
  out.js_distance = JsDistance(p, q);
  const TestResult ks = KolmogorovSmirnov(sorted_, window);
  out.ks_statistic = ks.statistic;
  out.ks_pvalue = ks.pvalue;
  const auto x = FiniteOf(sorted_), y = FiniteOf(window);
  if (x.empty() || y.empty()) return out;
  out.wasserstein = Wasserstein(x, y);
  if (deviation_) out.wasserstein_norm = *out.wasserstein / *deviation_;
  return out;
}

CategoricalBaseline CategoricalBaseline::From(const Categories& column) {
  CategoricalBaseline baseline;
  for (size_t row = 0; row < column.values.size(); ++row) {
    if (!column.present.empty() && column.present[row] == 0) {
      ++baseline.counts_.missing;
      continue;
    }
    ++baseline.counts_.present;
    const auto [at, is_new] =
        baseline.index_.try_emplace(column.values[row], baseline.rows_of_value_.size());
    if (is_new) baseline.rows_of_value_.push_back(0);
    ++baseline.rows_of_value_[at->second];
  }
  return baseline;
}

CategoricalDistance CategoricalBaseline::Compare(const Categories& current) const {
  CategoricalDistance out;
  out.baseline = counts_;
  std::vector<int64_t> before = rows_of_value_;
  std::vector<int64_t> now(before.size());
  std::unordered_map<std::string_view, size_t> fresh;  // values that the baseline does not have
  for (size_t row = 0; row < current.values.size(); ++row) {
    if (!current.present.empty() && current.present[row] == 0) {
      ++out.current.missing;
      continue;
    }
    ++out.current.present;
    const std::string& value = current.values[row];
    const auto known = index_.find(value);
    const size_t at =
        known != index_.end()
            ? known->second
            : fresh.try_emplace(value, rows_of_value_.size() + fresh.size()).first->second;
    if (at >= now.size()) now.resize(at + 1);
    ++now[at];
  }
  out.null_rate_difference = NullRateDifference(out.baseline, out.current);
  if (out.baseline.present == 0 || out.current.present == 0) return out;
  before.resize(now.size());
  const auto p = Shares(before, out.baseline.present);
  const auto q = Shares(now, out.current.present);
  out.psi = Psi(p, q);
  out.js_distance = JsDistance(p, q);
  out.l_infinity = LInfinity(p, q);
  const TestResult test = ChiSquare(before, now);
  out.chi_square = test.statistic;
  out.chi_square_pvalue = test.pvalue;
  return out;
}

}  // namespace tatara::stats
