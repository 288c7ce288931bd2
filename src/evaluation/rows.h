// Labelled rows of a file, and what models say about them. Private to the module.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "evaluation/evaluation.h"
#include "inference/inference.h"
#include "sql/sql.h"

namespace tatara::evaluation {

// Rows of a file; `keep` lists those with a label, in order.
struct Rows {
  sql::Table table;
  std::vector<size_t> keep;
  int64_t without_label = 0;

  // kInvalid when there is none of that name.
  Result<const sql::Column*> Need(const std::string& name, std::string_view what) const;
};
Result<Rows> ReadRows(const std::string& path, const std::string& label);

// A model and how it takes the rows.
struct Judge {
  ModelSource source;
  std::shared_ptr<const inference::Model> model;
  inference::Binding binding;
};
Result<Judge> OpenJudge(const ModelSource& source, const TaskOptions& options);

// Predictions for the kept rows; owns what stats::Judged looks at.
struct Predictions {
  stats::Task task = stats::Task::kRegression;
  std::vector<std::string> classes;
  int positive = 1;
  std::vector<double> label, prediction;              // regression
  std::vector<int32_t> label_class, predicted_class;  // classification
  std::vector<double> probabilities;
  int64_t not_finite = 0;

  stats::Judged View() const;
  // The same for some of the rows.
  Predictions Pick(const std::vector<size_t>& rows) const;
};

// `rows`: which rows of the table, in order. With `labelled` their labels become classes too.
Result<Predictions> Predict(const Judge& judge, const Rows& rows, const std::vector<size_t>& picked,
                            const TaskOptions& options, bool labelled);

}  // namespace tatara::evaluation
