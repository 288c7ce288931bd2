#include "monitor/judge.h"

#include <algorithm>
#include <cmath>

#include "monitor/class_quality.h"

namespace tatara::monitor {
namespace {

constexpr double kPresentInBaseline =
    0.95;                                 // `complete: auto`: from this share on a feature counts
constexpr double kPresentInWindow = 0.5;  // and this share of the window must have it

bool IsNumeric(const sql::Column& column) {
  return column.type == sql::Type::kInt || column.type == sql::Type::kDouble ||
         column.type == sql::Type::kDecimal || column.type == sql::Type::kBool;
}

double PresentShare(const sql::Column& column) {
  if (column.rows() == 0) return 0;
  int64_t present = 0;
  for (size_t row = 0; row < column.rows(); ++row) {
    const bool nan = column.type == sql::Type::kDouble && std::isnan(column.doubles[row]);
    if (column.valid[row] != 0 && !nan) ++present;
  }
  return static_cast<double>(present) / static_cast<double>(column.rows());
}

class WindowJudge {
 public:
  WindowJudge(const MonitorSpec& spec, const sql::Table& rows, const Baseline* baseline)
      : spec_(spec), rows_(rows), baseline_(baseline) {}

  Judgement Run(sql::Engine* engine) {
    if (baseline_ != nullptr) {
      for (const auto& [name, feature] : baseline_->numeric) JudgeNumeric(name, feature);
      for (const auto& [name, feature] : baseline_->categorical) JudgeCategorical(name, feature);
      JudgePrediction();
    }
    for (const ExpectRule& rule : spec_.expect) {
      if (rule.sql.empty())
        JudgeComplete(rule.name);
      else
        JudgeSql(rule, engine);
    }
    return std::move(out_);
  }

 private:
  void Put(const std::string& metric, const std::string& feature, std::optional<double> value) {
    if (!value || !std::isfinite(*value)) return;
    std::map<std::string, std::string> dimensions;
    if (!feature.empty()) dimensions["feature"] = feature;
    out_.figures.push_back({metric, std::move(dimensions), *value});
  }

  void JudgeNumeric(const std::string& name, const Baseline::Numeric& feature) {
    const sql::Column* column = rows_.Find(name);
    if (column == nullptr) return;
    Put("feature_missing", name, 1 - PresentShare(*column));
    Put("feature_type_fault", name, IsNumeric(*column) ? 0 : 1);
    if (!IsNumeric(*column)) return;
    const std::vector<double> values = column->Numbers();
    const stats::NumericDistance distance = feature.values.Compare(values);
    Put("feature_drift", name, distance.psi);
    Put("feature_js_distance", name, distance.js_distance);
    Put("feature_ks_statistic", name, distance.ks_statistic);
    Put("feature_ks_pvalue", name, distance.ks_pvalue);
    Put("feature_wasserstein", name, distance.wasserstein);
    Put("feature_wasserstein_norm", name, distance.wasserstein_norm);
    Put("feature_null_rate_difference", name, distance.null_rate_difference);
    int64_t present = 0, outside = 0;
    for (const double value : values) {
      if (std::isnan(value)) continue;
      ++present;
      if (value < feature.lowest || value > feature.highest) ++outside;
    }
    if (present > 0) {
      Put("feature_out_of_range", name,
          static_cast<double>(outside) / static_cast<double>(present));
    }
  }

  void JudgeCategorical(const std::string& name, const Baseline::Categorical& feature) {
    const sql::Column* column = rows_.Find(name);
    if (column == nullptr) return;
    Put("feature_missing", name, 1 - PresentShare(*column));
    Put("feature_type_fault", name, column->type == sql::Type::kText ? 0 : 1);
    if (column->type != sql::Type::kText) return;
    const auto distance = feature.values.Compare({column->texts, column->valid});
    Put("feature_drift", name, distance.psi);
    Put("feature_js_distance", name, distance.js_distance);
    Put("feature_l_infinity", name, distance.l_infinity);
    Put("feature_chi_square", name, distance.chi_square);
    Put("feature_chi_square_pvalue", name, distance.chi_square_pvalue);
    Put("feature_null_rate_difference", name, distance.null_rate_difference);
  }

  void JudgePrediction() {
    const sql::Column* column = rows_.Find("prediction");
    if (column == nullptr) return;
    if (baseline_->predicted_class) {
      std::vector<std::string> classes;
      for (size_t row = 0; row < column->rows(); ++row) {
        classes.push_back(sql::CellText(*column, row));
      }
      Put("prediction_drift", "",
          baseline_->predicted_class->Compare({classes, column->valid}).psi);
    } else if (baseline_->prediction && IsNumeric(*column)) {
      Put("prediction_drift", "", baseline_->prediction->Compare(column->Numbers()).psi);
    }
  }

  void PutRule(const std::string& rule, bool breached) {
    out_.figures.push_back({"data_fault", {{"rule", rule}}, breached ? 1.0 : 0.0});
  }

  void JudgeComplete(const std::string& rule) {
    if (baseline_ == nullptr) return;
    bool breached = false;
    const auto check = [&](const std::string& name, double present) {
      const sql::Column* column = rows_.Find(name);
      if (present < kPresentInBaseline || column == nullptr) return;
      const double share = PresentShare(*column);
      if (share >= kPresentInWindow) return;
      breached = true;
      out_.faults.push_back({rule, name, share});
    };
    for (const auto& [name, feature] : baseline_->numeric) check(name, feature.present);
    for (const auto& [name, feature] : baseline_->categorical) check(name, feature.present);
    PutRule(rule, breached);
  }

  // The condition over the table of the window's rows; null is not judged.
  void JudgeSql(const ExpectRule& rule, sql::Engine* engine) {
    if (engine == nullptr) return;
    auto answer = engine->Read({.text = QueryOf(rule)});
    if (!answer) {
      out_.problems.push_back("expect rule '" + rule.name + "': " + answer.error().message);
      return;
    }
    if (answer->rows() != 1) {
      out_.problems.push_back("expect rule '" + rule.name + "' gives " +
                              std::to_string(answer->rows()) +
                              " rows; one condition over the whole window is wanted");
      return;
    }
    const sql::Column& cell = answer->columns[0];
    if (cell.valid[0] == 0) return;
    const bool breached = cell.ints[0] == 0;
    if (breached) out_.faults.push_back({rule.name, "", std::nullopt});
    PutRule(rule.name, breached);
  }

  const MonitorSpec& spec_;
  const sql::Table& rows_;
  const Baseline* baseline_;
  Judgement out_;
};

// Rows with a prediction and a truth, finite where they are numbers.
std::vector<size_t> LabelledRows(const sql::Column& prediction, const sql::Column& truth) {
  const auto has = [](const sql::Column& column, size_t row) {
    if (column.valid[row] == 0) return false;
    return column.type != sql::Type::kDouble || std::isfinite(column.doubles[row]);
  };
  std::vector<size_t> rows;
  for (size_t row = 0; row < prediction.rows(); ++row) {
    if (has(prediction, row) && has(truth, row)) rows.push_back(row);
  }
  return rows;
}

stats::Metrics NumberMetrics(const sql::Column& prediction, const sql::Column& truth,
                             const std::vector<size_t>& labelled) {
  const std::vector<double> predicted = prediction.Numbers(), true_values = truth.Numbers();
  std::vector<double> left, right;
  for (const size_t row : labelled) {
    left.push_back(true_values[row]);
    right.push_back(predicted[row]);
  }
  return stats::AllMetrics({.task = stats::Task::kRegression, .label = left, .prediction = right});
}

}  // namespace

std::unique_ptr<Baseline> MakeBaseline(const sql::Table& rows, const sql::Column* predictions) {
  auto baseline = std::make_unique<Baseline>();
  for (const sql::Column& column : rows.columns) {
    if (IsNumeric(column)) {
      const std::vector<double> values = column.Numbers();
      Baseline::Numeric feature;
      feature.values = stats::NumericBaseline::From(values);
      feature.present = PresentShare(column);
      const auto sorted = feature.values.sorted();
      if (!sorted.empty()) {
        feature.lowest = sorted.front();
        feature.highest = sorted.back();
      }
      baseline->numeric.emplace(column.name, std::move(feature));
    } else if (column.type == sql::Type::kText) {
      Baseline::Categorical feature;
      feature.values = stats::CategoricalBaseline::From({column.texts, column.valid});
      feature.present = PresentShare(column);
      baseline->categorical.emplace(column.name, std::move(feature));
    }
  }
  if (predictions != nullptr && IsNumeric(*predictions)) {
    baseline->prediction = stats::NumericBaseline::From(predictions->Numbers());
  } else if (predictions != nullptr) {
    baseline->predicted_class =
        stats::CategoricalBaseline::From({predictions->texts, predictions->valid});
  }
  return baseline;
}

Judgement JudgeWindow(const MonitorSpec& spec, const sql::Table& rows, const Baseline* baseline,
                      sql::Engine* engine) {
  return WindowJudge(spec, rows, baseline).Run(engine);
}

Quality JudgeQuality(const MonitorSpec& spec, const sql::Table& rows) {
  Quality quality;
  quality.rows = static_cast<int64_t>(rows.rows());
  const sql::Column* prediction = rows.Find("prediction");
  const sql::Column* truth = rows.Find("truth");
  if (prediction == nullptr || truth == nullptr) return quality;
  const std::vector<size_t> labelled = LabelledRows(*prediction, *truth);
  quality.labelled = static_cast<int64_t>(labelled.size());
  const double share =
      quality.rows == 0 ? 0
                        : static_cast<double>(quality.labelled) / static_cast<double>(quality.rows);
  if (quality.labelled == 0 || share < spec.truth_minimum) return quality;
  quality.metrics = AreClasses(rows) ? JudgeClasses(rows, labelled)
                                     : NumberMetrics(*prediction, *truth, labelled);
  return quality;
}

}  // namespace tatara::monitor
