#include "stats/counted_metric.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <utility>
#include <vector>

#include "base/result.h"
#include "stats/ranked_metric.h"

namespace tatara::stats {
namespace {

using Maybe = std::optional<double>;

// Sums over rows of a few terms each, then a formula: all metrics that are means, and r2.
class SumMetric : public CountedMetric {
 public:
  static constexpr size_t kTermsMax = 4;
  using Terms = std::array<double, kTermsMax>;
  using Formula = Maybe (*)(const Terms& sums);

  SumMetric(size_t terms, Formula formula, const Units& units)
      : terms_(terms), formula_(formula), sums_(terms, std::vector<double>(units.count)) {}

  void Add(uint32_t unit, const Terms& values) {
    for (size_t t = 0; t < terms_; ++t) sums_[t][unit] += values[t];
  }

  Maybe Value(std::span<const uint32_t> counts) const override {
    Terms totals{};
    for (size_t t = 0; t < terms_; ++t) totals[t] = Dot(counts, sums_[t]);
    return formula_(totals);
  }

 private:
  // Four running sums: they do not wait for each other, and lose less to rounding.
  static double Dot(std::span<const uint32_t> counts, const std::vector<double>& values) {
    double sums[4] = {};
    size_t i = 0;
    for (; i + 4 <= values.size(); i += 4) {
      for (size_t k = 0; k < 4; ++k) sums[k] += static_cast<int32_t>(counts[i + k]) * values[i + k];
    }
    for (; i < values.size(); ++i) sums[0] += static_cast<int32_t>(counts[i]) * values[i];
    return (sums[0] + sums[1]) + (sums[2] + sums[3]);
  }

  size_t terms_;
  Formula formula_;
  std::vector<std::vector<double>> sums_;  // by term, then unit
};

Maybe Mean(const SumMetric::Terms& sums) {
  return sums[0] > 0 ? Maybe(sums[1] / sums[0]) : std::nullopt;
}
Maybe RootMean(const SumMetric::Terms& sums) {
  const Maybe mean = Mean(sums);
  return mean ? Maybe(std::sqrt(*mean)) : std::nullopt;
}
// Terms: 1, |e / label| and whether the label is 0.
Maybe MeanUnlessZero(const SumMetric::Terms& sums) {
  return sums[2] > 0 ? std::nullopt : Mean(sums);
}
// Terms: 1, y, y^2, e^2, y the label less the mean of all labels.
Maybe RSquared(const SumMetric::Terms& sums) {
  if (sums[0] <= 0) return std::nullopt;
  const double total = sums[2] - sums[1] * sums[1] / sums[0];
  constexpr double kRounding = 1e-12;
  if (total <= kRounding * sums[2]) return std::nullopt;  // the label is constant
  return 1 - sums[3] / total;
}

using RowTerms = SumMetric::Terms (*)(double label, double error);

struct RegressionSum {
  std::string_view name;
  size_t terms;
  SumMetric::Formula formula;
  RowTerms row;
};

constexpr RegressionSum kRegressionSums[] = {
    {"mae", 2, Mean, [](double, double e) { return SumMetric::Terms{1, std::abs(e)}; }},
    {"mse", 2, Mean, [](double, double e) { return SumMetric::Terms{1, e * e}; }},
    {"rmse", 2, RootMean, [](double, double e) { return SumMetric::Terms{1, e * e}; }},
    {"bias", 2, Mean, [](double, double e) { return SumMetric::Terms{1, e}; }},
    {"mape", 3, MeanUnlessZero,
     [](double y, double e) {
       return SumMetric::Terms{1, y == 0 ? 0 : std::abs(e / y), y == 0 ? 1.0 : 0.0};
     }},
    {"r2", 4, RSquared, [](double y, double e) { return SumMetric::Terms{1, y, y * y, e * e}; }},
};

std::unique_ptr<CountedMetric> PrepareRegression(const Judged& judged, std::string_view name,
                                                 const Units& units) {
  const size_t rows = judged.label.size();
  if (name == "median_absolute_error") return PrepareMedianError(judged, units);
  for (const RegressionSum& sum : kRegressionSums) {
    if (sum.name != name) continue;
    double shift = 0;  // r2 loses its digits when the labels lie far from 0
    if (name == "r2") {
      long double total = 0;
      for (double y : judged.label) total += y;
      shift = static_cast<double>(total / std::max<size_t>(rows, 1));
    }
    auto metric = std::make_unique<SumMetric>(sum.terms, sum.formula, units);
    for (size_t row = 0; row < rows; ++row) {
      const double label = judged.label[row];
      metric->Add(units.Of(row), sum.row(label - shift, judged.prediction[row] - label));
    }
    return metric;
  }
  return nullptr;
}

double LogLossOf(const Judged& judged, size_t row) {
  const double epsilon = 0x1p-52;
  const double p =
      judged.probabilities[row * judged.classes + static_cast<size_t>(judged.label_class[row])];
  return -std::log(std::clamp(p, epsilon, 1 - epsilon));
}

double BrierOf(const Judged& judged, size_t row) {
  const double* p = &judged.probabilities[row * judged.classes];
  const int32_t truth = judged.label_class[row];
  if (judged.task == Task::kBinary) {
    const double gap = p[judged.positive] - (truth == judged.positive ? 1 : 0);
    return gap * gap;
  }
  double sum = 0;
  for (int c = 0; c < judged.classes; ++c) sum += (p[c] - (c == truth)) * (p[c] - (c == truth));
  return sum;
}

double IsRight(const Judged& judged, size_t row) {
  return judged.label_class[row] == judged.predicted_class[row] ? 1 : 0;
}

// Precision, recall and f1 of one class, with 0 where they divide by 0.
struct ClassScores {
  double precision = 0;
  double recall = 0;
  double f1 = 0;
  double support = 0;
  bool seen = false;  // in labels or predictions
};

ClassScores ScoresOf(std::span<const double> matrix, int classes, int c) {
  double truth = 0, predicted = 0;
  for (int k = 0; k < classes; ++k) {
    truth += matrix[static_cast<size_t>(c * classes + k)];
    predicted += matrix[static_cast<size_t>(k * classes + c)];
  }
  const double both = matrix[static_cast<size_t>(c * classes + c)];
  ClassScores out;
  out.precision = predicted > 0 ? both / predicted : 0;
  out.recall = truth > 0 ? both / truth : 0;
  out.f1 = truth + predicted > 0 ? 2 * both / (truth + predicted) : 0;
  out.support = truth;
  out.seen = truth + predicted > 0;
  return out;
}

// What is computed from the confusion matrix.
class MatrixMetric : public CountedMetric {
 public:
  enum class Average { kPositive, kMacro, kWeighted };
  using Score = double ClassScores::*;

  MatrixMetric(const Judged& judged, Score score, Average average, const Units& units)
      : classes_(judged.classes), positive_(judged.positive), score_(score), average_(average) {
    cells_.reserve(judged.rows());
    for (size_t row = 0; row < judged.rows(); ++row) {
      const auto cell =
          static_cast<uint32_t>(judged.label_class[row] * classes_ + judged.predicted_class[row]);
      cells_.emplace_back(units.Of(row), cell);
    }
  }

  Maybe Value(std::span<const uint32_t> counts) const override {
    std::vector<double> matrix(static_cast<size_t>(classes_ * classes_));
    for (const auto& [unit, cell] : cells_) matrix[cell] += counts[unit];
    if (average_ == Average::kPositive) return ScoresOf(matrix, classes_, positive_).*score_;
    double sum = 0, weight = 0;
    for (int c = 0; c < classes_; ++c) {
      const ClassScores scores = ScoresOf(matrix, classes_, c);
      const double part = average_ == Average::kMacro ? (scores.seen ? 1 : 0) : scores.support;
      sum += part * (scores.*score_);
      weight += part;
    }
    return weight > 0 ? Maybe(sum / weight) : std::nullopt;
  }

 private:
  int classes_;
  int positive_;
  Score score_;
  Average average_;
  std::vector<std::pair<uint32_t, uint32_t>> cells_;  // unit, cell of each row
};

std::unique_ptr<CountedMetric> PrepareMatrix(const Judged& judged, std::string_view name,
                                             const Units& units) {
  using Average = MatrixMetric::Average;
  Average average = Average::kPositive;
  for (const auto& [suffix, kind] :
       {std::pair<std::string_view, Average>("_macro", Average::kMacro),
        {"_weighted", Average::kWeighted}}) {
    if (!name.ends_with(suffix)) continue;
    name.remove_suffix(suffix.size());
    average = kind;
  }
  MatrixMetric::Score score = nullptr;
  if (name == "precision") score = &ClassScores::precision;
  if (name == "recall") score = &ClassScores::recall;
  if (name == "f1") score = &ClassScores::f1;
  if (score == nullptr) return nullptr;
  return std::make_unique<MatrixMetric>(judged, score, average, units);
}

std::unique_ptr<CountedMetric> PrepareClassification(const Judged& judged, std::string_view name,
                                                     const Units& units) {
  if (name == "roc_auc" || name == "pr_auc") {
    return PrepareRanking(judged, name == "roc_auc" ? Ranking::kRoc : Ranking::kPrecisionRecall,
                          units);
  }
  double (*of_row)(const Judged&, size_t) = nullptr;
  if (name == "accuracy") of_row = IsRight;
  if (name == "log_loss") of_row = LogLossOf;
  if (name == "brier") of_row = BrierOf;
  if (of_row == nullptr) return PrepareMatrix(judged, name, units);
  auto metric = std::make_unique<SumMetric>(2, Mean, units);
  for (size_t row = 0; row < judged.rows(); ++row) {
    metric->Add(units.Of(row), {1, of_row(judged, row)});
  }
  return metric;
}

}  // namespace

std::unique_ptr<CountedMetric> PrepareMetric(const Judged& judged, std::string_view metric,
                                             const Units& units) {
  auto prepared = judged.task == Task::kRegression ? PrepareRegression(judged, metric, units)
                                                   : PrepareClassification(judged, metric, units);
  CHECK(prepared != nullptr);
  return prepared;
}

}  // namespace tatara::stats
