// Golden values: scikit-learn 1.9.
#include "stats/metrics.h"

#include <gtest/gtest.h>

#include <cmath>

#include "stats/bootstrap.h"

namespace tatara::stats {
namespace {

std::optional<double> Find(const Metrics& metrics, std::string_view name) {
  for (const MetricValue& metric : metrics) {
    if (metric.name == name) return metric.value;
  }
  ADD_FAILURE() << "no metric " << name;
  return std::nullopt;
}

TEST(AllMetrics, OfRegression_AgreeWithScikitLearn) {
  const std::vector<double> label = {3, -1, 2, 7, 4.5}, prediction = {2.5, 0, 2, 8, 4};
  const Metrics m = AllMetrics({.label = label, .prediction = prediction});
  EXPECT_NEAR(*Find(m, "mae"), 0.6, 1e-15);
  EXPECT_NEAR(*Find(m, "mse"), 0.5, 1e-15);
  EXPECT_NEAR(*Find(m, "rmse"), 0.7071067811865476, 1e-15);
  EXPECT_NEAR(*Find(m, "bias"), 0.2, 1e-15);
  EXPECT_NEAR(*Find(m, "median_absolute_error"), 0.5, 1e-15);
  EXPECT_NEAR(*Find(m, "r2"), 0.9289772727272727, 1e-14);
  EXPECT_NEAR(*Find(m, "mape"), 0.2841269841269841, 1e-15);
}

TEST(AllMetrics, OfRegression_AreNothingWhereUndefined) {
  const std::vector<double> constant = {0.1, 0.1, 0.1}, prediction = {1, 2, 3};
  EXPECT_FALSE(Find(AllMetrics({.label = constant, .prediction = prediction}), "r2"));
  const std::vector<double> zero = {0, 1, 2};
  EXPECT_FALSE(Find(AllMetrics({.label = zero, .prediction = prediction}), "mape"));
}

struct Binary {
  std::vector<int32_t> truth = {0, 1, 1, 0, 1, 0, 1, 1};
  std::vector<double> scores = {.1, .8, .4, .4, .9, .6, .4, .7};
  std::vector<int32_t> predicted;
  std::vector<double> probabilities;
  Binary() {
    for (double s : scores) {
      predicted.push_back(s > .5);
      probabilities.insert(probabilities.end(), {1 - s, s});
    }
  }
  Judged judged() const {
    return {.task = Task::kBinary,
            .label_class = truth,
            .predicted_class = predicted,
            .probabilities = probabilities,
            .classes = 2};
  }
};

TEST(AllMetrics, OfBinary_AgreeWithScikitLearn) {
  const Binary binary;
  const Metrics m = AllMetrics(binary.judged());
  EXPECT_NEAR(*Find(m, "accuracy"), 0.625, 1e-15);
  EXPECT_NEAR(*Find(m, "precision"), 0.75, 1e-15);
  EXPECT_NEAR(*Find(m, "recall"), 0.6, 1e-15);
  EXPECT_NEAR(*Find(m, "f1"), 0.6666666666666666, 1e-15);
  EXPECT_NEAR(*Find(m, "precision_macro"), 0.625, 1e-15);
  EXPECT_NEAR(*Find(m, "f1_weighted"), 0.6309523809523809, 1e-15);
  EXPECT_NEAR(*Find(m, "log_loss"), 0.5062796682446313, 1e-14);
  EXPECT_NEAR(*Find(m, "roc_auc"), 0.8, 1e-15);
  EXPECT_NEAR(*Find(m, "pr_auc"), 0.8857142857142857, 1e-15);
  EXPECT_NEAR(*Find(m, "brier"), 0.17375, 1e-15);
}

TEST(AllMetrics, WithAClassWithoutRows_HaveNoAreas) {
  Binary binary;
  binary.truth.assign(8, 1);
  const Metrics m = AllMetrics(binary.judged());
  EXPECT_FALSE(Find(m, "roc_auc"));
  EXPECT_FALSE(Find(m, "pr_auc"));
  EXPECT_TRUE(Find(m, "log_loss"));
}

TEST(ConfusionMatrix, HasTruthInRows) {
  const auto matrix = ConfusionMatrix(Binary().judged());
  EXPECT_EQ(matrix, (std::vector<std::vector<int64_t>>{{2, 1}, {2, 3}}));
}

TEST(PairedBootstrap, OfEqualModels_IsZeroWide) {
  const std::vector<double> label = {1, 2, 3, 4}, prediction = {2, 2, 2, 2};
  const Judged judged{.label = label, .prediction = prediction};
  const BootstrapResult r = PairedBootstrap(judged, judged, {}, {.metric = "mae"});
  EXPECT_EQ(*r.difference, 0);
  EXPECT_EQ(*r.lower, 0);
  EXPECT_EQ(*r.upper, 0);
}

TEST(PairedBootstrap, ByGroups_ApproachesTheExactInterval) {
  // Two groups: of the draws AA, AB, BA, BB the differences are a, (a+b)/2 twice, b.
  const std::vector<double> label = {0, 0}, candidate = {1, 3}, champion = {2, 2};
  const std::vector<uint32_t> groups = {0, 1};
  const BootstrapResult r = PairedBootstrap({.label = label, .prediction = candidate},
                                            {.label = label, .prediction = champion}, groups,
                                            {.metric = "mae", .resamples = 200'000});
  EXPECT_EQ(r.units, 2);
  EXPECT_EQ(*r.difference, 0);
  const double exact = 12.706204736432095 * std::sqrt(0.5) * std::sqrt(2.0);
  EXPECT_NEAR(*r.upper / exact, 1, 0.01);
  EXPECT_NEAR(*r.lower, -*r.upper, 1e-12);
}

TEST(PairedBootstrap, WithTheSameSeed_IsTheSame) {
  const std::vector<double> label = {1, 2, 3, 4, 5}, a = {1, 3, 3, 4, 6}, b = {2, 2, 2, 5, 5};
  const Judged x{.label = label, .prediction = a}, y{.label = label, .prediction = b};
  const auto first = PairedBootstrap(x, y, {}, {.metric = "rmse", .seed = 3});
  const auto second = PairedBootstrap(x, y, {}, {.metric = "rmse", .seed = 3});
  const auto other = PairedBootstrap(x, y, {}, {.metric = "rmse", .seed = 4});
  EXPECT_EQ(*first.lower, *second.lower);
  EXPECT_NE(*first.lower, *other.lower);
}

TEST(PairedBootstrap, WithManyUndefinedResamples_HasNoInterval) {
  // One positive row of three is often not drawn.
  const std::vector<int32_t> truth = {0, 0, 1}, predicted = {0, 0, 1};
  const std::vector<double> p = {.9, .1, .8, .2, .3, .7};
  const Judged judged{.task = Task::kBinary,
                      .label_class = truth,
                      .predicted_class = predicted,
                      .probabilities = p,
                      .classes = 2};
  const auto r = PairedBootstrap(judged, judged, {}, {.metric = "roc_auc"});
  EXPECT_TRUE(r.difference);
  EXPECT_FALSE(r.lower);
  EXPECT_GT(r.undefined, 200);
}

TEST(PairedBootstrap, OfOneUnit_HasNoInterval) {
  const std::vector<double> label = {1, 2}, prediction = {2, 2};
  const std::vector<uint32_t> groups = {0, 0};
  const Judged judged{.label = label, .prediction = prediction};
  EXPECT_FALSE(PairedBootstrap(judged, judged, groups, {.metric = "mae"}).lower);
}

}  // namespace
}  // namespace tatara::stats
