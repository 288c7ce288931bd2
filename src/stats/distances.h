// How far a sample lies from a baseline: one column against itself at another time.
//
// A baseline is prepared once and compared with many windows: NumericBaseline keeps the sorted
// values and the bins, so a comparison costs a sort of the window and one merge. Both baselines are
// immutable after From; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace tatara::stats {

// numpy.quantile, method linear, of ascending values (not empty): h = (n-1) q, i = floor(h),
// t = h - i, then a + (b-a) t below t = .5, else b - (b-a)(1-t).
double Quantile(std::span<const double> sorted, double q);

struct Counts {
  int64_t present = 0;
  int64_t missing = 0;
  int64_t rows() const { return present + missing; }
};

// An undefined figure is nothing. All of them are when one side has no value, except the difference
// of the missing shares, which only wants rows on both sides.
struct NumericDistance {
  Counts baseline;
  Counts current;
  std::optional<double> psi;                   // shares floored at 1e-4, not renormalised
  std::optional<double> js_distance;           // natural logarithm: 0 ... sqrt(ln 2)
  std::optional<double> ks_statistic;          // sup |F - G|
  std::optional<double> ks_pvalue;             // two-sided; exact up to 10,000 values a side
  std::optional<double> wasserstein;           // of the finite values
  std::optional<double> wasserstein_norm;      // by the population deviation of the finite baseline
  std::optional<double> null_rate_difference;  // current minus baseline
};

class NumericBaseline {
 public:
  NumericBaseline() = default;
  // NaN is missing; infinities are values.
  static NumericBaseline From(std::span<const double> values);

  const Counts& counts() const { return counts_; }
  std::span<const double> sorted() const { return sorted_; }
  // Bins (lower, upper] between the distinct deciles of the finite values; the outer two are open.
  std::span<const double> edges() const { return edges_; }
  std::span<const int64_t> bins() const { return bins_; }
  // Of the finite values; nothing when there are none or all are equal.
  std::optional<double> deviation() const { return deviation_; }

  NumericDistance Compare(std::span<const double> current) const;

 private:
  Counts counts_;
  std::vector<double> sorted_;
  std::vector<double> edges_;
  std::vector<int64_t> bins_;
  std::optional<double> deviation_;
};

// A column of categories. `present` is empty when no value is missing.
struct Categories {
  std::span<const std::string> values;
  std::span<const uint8_t> present;
};

struct CategoricalDistance {
  Counts baseline;
  Counts current;
  std::optional<double> psi;
  std::optional<double> js_distance;
  std::optional<double> l_infinity;         // max |p - q|
  std::optional<double> chi_square;         // 2 x k contingency, no Yates
  std::optional<double> chi_square_pvalue;  // k - 1 degrees of freedom; 1 with one category
  std::optional<double> null_rate_difference;
};

class CategoricalBaseline {
 public:
  CategoricalBaseline() = default;
  static CategoricalBaseline From(const Categories& values);
  const Counts& counts() const { return counts_; }
  CategoricalDistance Compare(const Categories& current) const;

 private:
  Counts counts_;
  std::vector<int64_t> rows_of_value_;  // rows of each value, in order of first appearance
  std::unordered_map<std::string, size_t> index_;
};

// The parts, for who has counts already (sketches). Spans of one length, in the same order.
double Psi(std::span<const double> p, std::span<const double> q);
double JsDistance(std::span<const double> p, std::span<const double> q);
double LInfinity(std::span<const double> p, std::span<const double> q);
struct TestResult {
  double statistic = 0;
  double pvalue = 1;
};
TestResult ChiSquare(std::span<const int64_t> baseline, std::span<const int64_t> current);
// Of ascending values, neither side empty.
TestResult KolmogorovSmirnov(std::span<const double> x, std::span<const double> y);
// Of ascending finite values, neither side empty.
double Wasserstein(std::span<const double> x, std::span<const double> y);

}  // namespace tatara::stats
