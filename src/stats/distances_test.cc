// Golden values: numpy 2.4, SciPy 1.17.
#include "stats/distances.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "stats/distributions.h"

namespace tatara::stats {
namespace {

const double kNaN = std::nan("");
const double kInf = std::numeric_limits<double>::infinity();

struct NumericCase {
  std::vector<double> baseline, current;
  double psi, js, ks, pvalue, wasserstein;
  std::optional<double> norm;
  double null_rates;
};

TEST(NumericBaseline, Compare_AgreesWithSciPy) {
  const NumericCase cases[] = {
      {{1, 2, 2, 3, 5, 8, 13, 21, 34, 55},
       {2, 3, 4, 5, 6, 40, 41},
       4.054551644736339,
       0.4955893338213326,
       0.21428571428571427,
       0.9605100781571371,
       5.257142857142858,
       0.31281435694437554,
       0},
      {{1, 2, 3, kNaN, 4, kInf},
       {2, -kInf, 7, kNaN},
       1.6677953384529902,
       0.2961025713626615,
       0.3333333333333333,
       0.9642857142857143,
       2,
       1.7888543819998317,
       0.08333333333333334},
      {{3, 3, 3, 3},
       {3, 3, 4},
       2.8382532243304146,
       0.3637363395632863,
       0.3333333333333333,
       0.9714285714285715,
       0.33333333333333337,
       std::nullopt,
       0},
      {{1, 1, 2, 2, 3, 3, 4, 4},
       {4, 4, 4, 5, 5, 5, 6, 6},
       11.37820686338474,
       0.6948604425491155,
       0.75,
       0.018648018648018645,
       2.375,
       2.1242645786248002,
       0},
  };
  for (const NumericCase& c : cases) {
    const NumericDistance d = NumericBaseline::From(c.baseline).Compare(c.current);
    EXPECT_NEAR(*d.psi, c.psi, 1e-12);
    EXPECT_NEAR(*d.js_distance, c.js, 1e-12);
    EXPECT_NEAR(*d.ks_statistic, c.ks, 1e-15);
    EXPECT_NEAR(*d.ks_pvalue, c.pvalue, 1e-12);
    EXPECT_NEAR(*d.wasserstein, c.wasserstein, 1e-12);
    ASSERT_EQ(d.wasserstein_norm.has_value(), c.norm.has_value());
    EXPECT_NEAR(d.wasserstein_norm.value_or(0), c.norm.value_or(0), 1e-12);
    EXPECT_NEAR(*d.null_rate_difference, c.null_rates, 1e-15);
  }
}

TEST(NumericBaseline, Compare_WithoutValuesOnOneSide_KnowsOnlyMissing) {
  const std::vector<double> some = {1, 2, kNaN}, none = {kNaN, kNaN};
  const NumericDistance d = NumericBaseline::From(some).Compare(none);
  EXPECT_FALSE(d.psi || d.js_distance || d.ks_statistic || d.ks_pvalue || d.wasserstein);
  EXPECT_NEAR(*d.null_rate_difference, 2.0 / 3, 1e-15);
  EXPECT_FALSE(NumericBaseline::From(some).Compare({}).null_rate_difference);
}

TEST(NumericBaseline, Compare_WithInfinitiesOnly_HasNoWasserstein) {
  const std::vector<double> infinite = {kInf, -kInf}, finite = {1};
  const NumericDistance d = NumericBaseline::From(infinite).Compare(finite);
  EXPECT_EQ(*d.psi, 0);
  EXPECT_EQ(*d.ks_statistic, 0.5);
  EXPECT_FALSE(d.wasserstein);
}

TEST(KolmogorovSmirnov, ExactTail_AgreesWithSciPy) {
  std::vector<double> x, y, z;
  for (int i = 0; i < 400; ++i) x.push_back(i);
  for (int i = 0; i < 300; ++i) y.push_back(i + 40);
  for (int i = 0; i < 400; ++i) z.push_back(i + 30);
  EXPECT_NEAR(KolmogorovSmirnov(x, y).pvalue / 0.0008027914415657985, 1, 1e-10);
  EXPECT_NEAR(KolmogorovSmirnov(x, z).pvalue / 0.21070561249668102, 1, 1e-10);
}

TEST(ChiSquare, AgreesWithSciPy) {
  const std::vector<int64_t> a = {10, 20, 5}, b = {7, 30, 0};
  EXPECT_NEAR(ChiSquare(a, b).statistic, 7.479627526686351, 1e-12);
  EXPECT_NEAR(ChiSquare(a, b).pvalue, 0.02375852742802836, 1e-14);
  const std::vector<int64_t> one = {3}, two = {5};
  EXPECT_EQ(ChiSquare(one, two).statistic, 0);
  EXPECT_EQ(ChiSquare(one, two).pvalue, 1);
}

TEST(CategoricalBaseline, Compare_CountsEachValueOfEitherSide) {
  const std::vector<std::string> before = {"a", "a", "b", ""}, now = {"a", "c", "", "x"};
  const std::vector<uint8_t> present = {1, 1, 1, 0};
  const CategoricalDistance d = CategoricalBaseline::From({before, {}}).Compare({now, present});
  EXPECT_EQ(d.baseline.present, 4);
  EXPECT_EQ(d.current.missing, 1);
  EXPECT_NEAR(*d.l_infinity, 1.0 / 3, 1e-15);  // "c"; "" is a value like others
  EXPECT_NEAR(*d.null_rate_difference, 0.25, 1e-15);
}

TEST(StudentQuantile, AgreesWithSciPy) {
  EXPECT_NEAR(StudentQuantile(.975, 6), 2.4469118511449786, 1e-13);
  EXPECT_NEAR(StudentQuantile(.995, 29), 2.756385903670605, 1e-13);
  EXPECT_NEAR(StudentQuantile(.975, 99999), 1.9599877077718442, 1e-12);
  EXPECT_NEAR(StudentQuantile(.025, 6), -2.4469118511449786, 1e-13);
}

TEST(Quantile, InterpolatesAsNumpy) {
  const std::vector<double> sorted = {1, 2, 4, 8};
  EXPECT_EQ(Quantile(sorted, 0), 1);
  EXPECT_EQ(Quantile(sorted, 1), 8);
  EXPECT_EQ(Quantile(sorted, .5), 3);
}

}  // namespace
}  // namespace tatara::stats
