#include <algorithm>
#include <cmath>
#include <map>

#include "evaluation/rows.h"

namespace tatara::evaluation {
namespace {

constexpr size_t kDistinctMax = 10;  // a numeric column with more is cut at its quartiles

bool IsNumeric(const sql::Column& column) {
  return column.type == sql::Type::kInt || column.type == sql::Type::kDouble ||
         column.type == sql::Type::kDecimal;
}

Json JsonCell(const sql::Column& column, size_t row) {
  std::string text;
  sql::AppendCellJson(text, column, row);
  return ParseJson(text).value_or(Json());
}

Slice MakeSlice(const std::string& column, const Predictions& predictions,
                const std::vector<size_t>& rows) {
  Slice slice;
  slice.column = column;
  slice.rows = static_cast<int64_t>(rows.size());
  slice.metrics = stats::AllMetrics(predictions.Pick(rows).View());
  return slice;
}

// Indices into the kept rows, by what the slice column holds there.
struct Sorted {
  std::map<double, std::vector<size_t>> numbers;
  std::map<std::string, std::vector<size_t>> texts;
  std::vector<size_t> missing;
};

Sorted SortRows(const sql::Column& column, const Rows& rows) {
  Sorted sorted;
  const std::vector<double> numbers = IsNumeric(column) ? column.Numbers() : std::vector<double>();
  for (size_t i = 0; i < rows.keep.size(); ++i) {
    const size_t row = rows.keep[i];
    if (column.valid[row] == 0 || (IsNumeric(column) && std::isnan(numbers[row]))) {
      sorted.missing.push_back(i);
    } else if (IsNumeric(column)) {
      sorted.numbers[numbers[row]].push_back(i);
    } else {
      sorted.texts[sql::CellText(column, row)].push_back(i);
    }
  }
  return sorted;
}

void AddRanges(const std::string& name, const Sorted& sorted, const Predictions& predictions,
               std::vector<Slice>& slices) {
  std::vector<double> values;  // finite ones, sorted
  for (const auto& [number, rows] : sorted.numbers) {
    if (std::isfinite(number)) values.insert(values.end(), rows.size(), number);
  }
  std::vector<double> edges;
  for (const double q : {0.25, 0.5, 0.75}) {
    const double edge = stats::Quantile(values, q);
    if (edges.empty() || edges.back() != edge) edges.push_back(edge);
  }
  for (size_t bin = 0; bin <= edges.size(); ++bin) {
    std::vector<size_t> rows;
    for (const auto& [number, found] : sorted.numbers) {
      const bool above = bin == 0 || number > edges[bin - 1];
      const bool within = bin == edges.size() || number <= edges[bin];
      if (above && within) rows.insert(rows.end(), found.begin(), found.end());
    }
    if (rows.empty()) continue;
    std::ranges::sort(rows);
    Slice slice = MakeSlice(name, predictions, rows);
    slice.by_range = true;
    if (bin > 0) slice.lower = edges[bin - 1];
    if (bin < edges.size()) slice.upper = edges[bin];
    slices.push_back(std::move(slice));
  }
}

Status AddSlices(const std::string& name, const Rows& rows, const Predictions& predictions,
                 std::vector<Slice>& slices) {
  const sql::Column& column = *TRY(rows.Need(name, "--slice names"));
  const Sorted sorted = SortRows(column, rows);
  const auto add = [&](const std::vector<size_t>& found) {
    Slice slice = MakeSlice(name, predictions, found);
    slice.value = JsonCell(column, rows.keep[found.front()]);
    slices.push_back(std::move(slice));
  };
  if (sorted.numbers.size() > kDistinctMax) {
    AddRanges(name, sorted, predictions, slices);
  } else {
    for (const auto& [number, found] : sorted.numbers) add(found);
  }
  for (const auto& [text, found] : sorted.texts) add(found);
  if (!sorted.missing.empty()) slices.push_back(MakeSlice(name, predictions, sorted.missing));
  return {};
}

sql::Column DoubleColumn(std::string name, std::vector<double> values) {
  sql::Column column;
  column.name = std::move(name);
  column.type = sql::Type::kDouble;
  column.valid.assign(values.size(), 1);
  column.doubles = std::move(values);
  return column;
}

// Every row of the data in its order: the label, the prediction, and probabilities by class.
Status WritePredictions(const EvaluateOptions& options, const Judge& judge, const Rows& rows) {
  std::vector<size_t> every(rows.table.rows());
  for (size_t i = 0; i < every.size(); ++i) every[i] = i;
  Predictions all = TRY(Predict(judge, rows, every, options.task, false));
  sql::Table table;
  table.columns.push_back(*TRY(rows.Need(options.task.label, "the label is")));
  if (all.task == stats::Task::kRegression) {
    table.columns.push_back(DoubleColumn("prediction", std::move(all.prediction)));
  } else {
    sql::Column predicted;
    predicted.name = "prediction";
    predicted.type = sql::Type::kText;
    for (const int32_t index : all.predicted_class) {
      predicted.texts.push_back(all.classes[static_cast<size_t>(index)]);
    }
    predicted.valid.assign(predicted.texts.size(), 1);
    table.columns.push_back(std::move(predicted));
    const size_t k = all.classes.size();
    for (size_t c = 0; c < k; ++c) {
      std::vector<double> values;
      for (size_t i = c; i < all.probabilities.size(); i += k)
        values.push_back(all.probabilities[i]);
      table.columns.push_back(DoubleColumn("probability_" + all.classes[c], std::move(values)));
    }
  }
  auto engine = TRY(sql::Engine::Open());
  TRY(engine->CreateTable("predictions", table));
  TRY(engine->Write(sql::Query{.text = "FROM predictions"}, options.predictions));
  return {};
}

Json MetricsJson(const stats::Metrics& metrics) {
  Json out = Json::MakeObject();
  for (const auto& [name, value] : metrics) out.Set(name, value ? Json(*value) : Json());
  return out;
}

Json OrNull(const std::optional<double>& value) { return value ? Json(*value) : Json(); }

}  // namespace

Result<Evaluation> Evaluate(const EvaluateOptions& options) {
  if (!options.predictions.empty()) TRY(sql::FormatOf(options.predictions));
  const Rows rows = TRY(ReadRows(options.data, options.task.label));
  if (rows.keep.empty()) {
    return Invalid("no row of " + options.data + " has a label in '" + options.task.label + "'");
  }
  for (const std::string& slice : options.slices) TRY(rows.Need(slice, "--slice names"));
  const Judge judge = TRY(OpenJudge(options.model, options.task));
  const Predictions predictions = TRY(Predict(judge, rows, rows.keep, options.task, true));
  Evaluation out;
  out.task = predictions.task;
  out.rows = static_cast<int64_t>(rows.keep.size());
  out.rows_without_label = rows.without_label;
  out.not_finite = predictions.not_finite;
  if (!options.predictions.empty()) TRY(WritePredictions(options, judge, rows));
  if (out.not_finite > 0) return out;
  out.metrics = stats::AllMetrics(predictions.View());
  if (out.task != stats::Task::kRegression) {
    out.classes = predictions.classes;
    out.confusion = stats::ConfusionMatrix(predictions.View());
  }
  for (const std::string& slice : options.slices) {
    TRY(AddSlices(slice, rows, predictions, out.slices));
  }
  return out;
}

Json ToJson(const Evaluation& evaluation) {
  Json out = Json::Of({{"task", stats::TaskName(evaluation.task)},
                       {"rows", evaluation.rows},
                       {"rows_without_label", evaluation.rows_without_label},
                       {"metrics", MetricsJson(evaluation.metrics)}});
  if (evaluation.task != stats::Task::kRegression) {
    Json::Array labels, matrix;
    for (const std::string& name : evaluation.classes) labels.emplace_back(name);
    for (const auto& row : evaluation.confusion) {
      Json::Array cells;
      for (const int64_t cell : row) cells.emplace_back(cell);
      matrix.emplace_back(std::move(cells));
    }
    out.Set("confusion_matrix",
            Json::Of({{"labels", std::move(labels)}, {"matrix", std::move(matrix)}}));
  }
  Json::Array slices;
  for (const Slice& slice : evaluation.slices) {
    Json one = Json::Of({{"column", slice.column}});
    if (slice.by_range) {
      one.Set("lower", OrNull(slice.lower));
      one.Set("upper", OrNull(slice.upper));
    } else {
      one.Set("value", slice.value);
    }
    one.Set("rows", slice.rows);
    one.Set("metrics", MetricsJson(slice.metrics));
    slices.push_back(std::move(one));
  }
  out.Set("slices", std::move(slices));
  return out;
}

}  // namespace tatara::evaluation
