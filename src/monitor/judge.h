// What one window says: its figures and its faults. Pure over columns, but for the SQL of `expect`
// rules, which an engine answers.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "monitor/spec.h"
#include "sql/sql.h"
#include "stats/stats.h"

namespace tatara::monitor {

// The rows that a model version was trained on, prepared once.
struct Baseline {
  struct Numeric {
    stats::NumericBaseline values;
    double present = 0;              // share
    double lowest = 0, highest = 0;  // of the present values
  };
  struct Categorical {
    stats::CategoricalBaseline values;
    double present = 0;
  };
  std::map<std::string, Numeric, std::less<>> numeric;
  std::map<std::string, Categorical, std::less<>> categorical;
  // The version's predictions on these rows: numbers or classes, if it makes either.
  std::optional<stats::NumericBaseline> prediction;
  std::optional<stats::CategoricalBaseline> predicted_class;
};
// `predictions`: a column of numbers or texts; null: none.
std::unique_ptr<Baseline> MakeBaseline(const sql::Table& rows, const sql::Column* predictions);

// One figure of a window: becomes a point of the series `metric` with these dimensions beside
// `endpoint`.
struct Figure {
  std::string metric;
  std::map<std::string, std::string> dimensions;
  double value = 0;
};

struct Fault {
  std::string rule;
  std::string feature;  // of `complete`; empty for SQL rules
  std::optional<double> value;
};

struct Judgement {
  std::vector<Figure> figures;
  std::vector<Fault> faults;
  std::vector<std::string> problems;  // rules that could not be answered, and why
};

// Drift, missing shares, faults of range and type, and the `expect` rules. `rows` as serving gives
// them; `baseline` may be null. `engine` is asked for SQL rules only.
Judgement JudgeWindow(const MonitorSpec& spec, const sql::Table& rows, const Baseline* baseline,
                      sql::Engine* engine);

struct Quality {
  int64_t rows = 0;
  int64_t labelled = 0;
  stats::Metrics metrics;  // empty when fewer than the minimum have a truth
};
Quality JudgeQuality(const MonitorSpec& spec, const sql::Table& rows);

}  // namespace tatara::monitor
