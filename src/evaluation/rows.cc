#include "evaluation/rows.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "base/strings.h"

namespace tatara::evaluation {
namespace {

constexpr size_t kBatchRows = 4096;
constexpr double kRounding = 1e-6;  // of a probability in single precision

// How a label is written as a class: whole numbers without decimals, booleans as 0 and 1.
std::string ClassText(const sql::Column& column, size_t row) {
  switch (column.type) {
    case sql::Type::kBool:
    case sql::Type::kInt:
      return std::to_string(column.ints[row]);
    case sql::Type::kDouble:
    case sql::Type::kDecimal: {
      const double value = column.doubles[row];
      if (value == std::trunc(value) && std::abs(value) < 0x1p53) {
        return std::to_string(static_cast<int64_t>(value));
      }
      return FormatDouble(value);
    }
    default:
      return sql::CellText(column, row);
  }
}

std::string ClassText(const Json& value) {
  if (value.IsString()) return value.AsString();
  if (value.IsBool()) return value.AsBool() ? "1" : "0";
  if (value.IsDouble() && value.AsDouble() == std::trunc(value.AsDouble())) {
    return std::to_string(static_cast<int64_t>(value.AsDouble()));
  }
  return value.Dump();
}

bool HasValue(const sql::Column& column, size_t row) {
  if (column.valid[row] == 0) return false;
  return column.type != sql::Type::kDouble || !std::isnan(column.doubles[row]);
}

inference::ColumnView ViewOf(const sql::Column& column) {
  using Kind = inference::ColumnView::Kind;
  inference::ColumnView view;
  view.valid = column.valid;
  switch (column.type) {
    case sql::Type::kBool:
      view.kind = Kind::kBool;
      view.ints = column.ints;
      break;
    case sql::Type::kInt:
      view.kind = Kind::kInt;
      view.ints = column.ints;
      break;
    case sql::Type::kDouble:
    case sql::Type::kDecimal:
      view.kind = Kind::kDouble;
      view.doubles = column.doubles;
      break;
    default:
      view.kind = Kind::kText;
      view.texts = column.texts;
  }
  return view;
}

// The picked rows of a column, next to each other.
sql::Column Gather(const sql::Column& from, const std::vector<size_t>& rows) {
  sql::Column out;
  static_cast<sql::ColumnInfo&>(out) = from;
  for (const size_t row : rows) {
    out.valid.push_back(from.valid[row]);
    if (!from.ints.empty()) out.ints.push_back(from.ints[row]);
    if (!from.doubles.empty()) out.doubles.push_back(from.doubles[row]);
    if (!from.texts.empty()) out.texts.push_back(from.texts[row]);
  }
  return out;
}

// Which output is what.
struct OutputRoles {
  std::optional<size_t> probabilities;  // a class map, or a float matrix of 2 and more columns
  std::optional<size_t> label;          // the predicted class
  std::optional<size_t> number;         // one number a row
};

OutputRoles RolesOf(const inference::Model& model) {
  OutputRoles roles;
  const auto& outputs = model.outputs();
  for (size_t i = 0; i < outputs.size(); ++i) {
    const auto& output = outputs[i];
    const bool wide = output.shape.size() == 2 && output.shape[1] != 1;
    if (output.class_map || (wide && inference::IsFloat(output.type))) {
      if (!roles.probabilities) roles.probabilities = i;
    } else if (!inference::IsFloat(output.type)) {
      if (!roles.label) roles.label = i;
    } else if (!roles.number) {
      roles.number = i;
    }
  }
  // A matrix of one column of unknown width beside nothing else may still be one number a row.
  if (!roles.probabilities && !roles.number && roles.label) roles.number = roles.label;
  return roles;
}

// The raw outputs of all picked rows.
struct RawOutput {
  std::vector<double> numbers;  // row after row, `width` each
  size_t width = 0;
  std::vector<std::string> labels;   // the model's label output, as class text
  std::vector<std::string> classes;  // ZipMap's keys
};

Status TakeBatch(const inference::RunOutput& result, const OutputRoles& roles, size_t rows,
                 RawOutput& raw) {
  size_t next = 0;
  const auto take = [&](const std::optional<size_t>& role) -> const inference::Tensor* {
    return role ? &result.outputs[next++] : nullptr;
  };
  // `wanted` was given in this order.
  const inference::Tensor* values = take(roles.probabilities ? roles.probabilities : roles.number);
  const inference::Tensor* label = roles.probabilities ? take(roles.label) : nullptr;
  if (!result.classes.empty()) raw.classes = result.classes;
  const auto count = static_cast<size_t>(values->elements());
  if (rows == 0 || count % rows != 0 || values->type == inference::DataType::kBytes) {
    return Invalid("the model's output has shape " + inference::ShapeText(values->shape) + " for " +
                   std::to_string(rows) + " rows");
  }
  raw.width = count / rows;
  for (size_t i = 0; i < count; ++i) raw.numbers.push_back(inference::NumberAt(*values, i));
  if (label == nullptr) return {};
  for (size_t i = 0; i < rows; ++i) {
    raw.labels.push_back(label->type == inference::DataType::kBytes
                             ? label->strings[i]
                             : FormatDouble(inference::NumberAt(*label, i)));
  }
  return {};
}

Result<RawOutput> RunAll(const Judge& judge, const OutputRoles& roles, const Rows& rows,
                         const std::vector<size_t>& picked) {
  if (!roles.probabilities && !roles.number) {
    return Invalid(judge.source.name + " has no output that is a number or probabilities");
  }
  std::map<std::string, sql::Column, std::less<>> columns;
  std::map<std::string, inference::ColumnView, std::less<>> views;
  for (const std::string& name : judge.binding.columns) {
    const sql::Column* column = TRY(rows.Need(name, judge.source.name + " needs"));
    columns[name] = Gather(*column, picked);
    views[name] = ViewOf(columns[name]);
  }
  const inference::ColumnLookup lookup = [&](std::string_view name) {
    const auto found = views.find(name);
    return found == views.end() ? nullptr : &found->second;
  };
  std::vector<size_t> wanted = {*(roles.probabilities ? roles.probabilities : roles.number)};
  if (roles.probabilities && roles.label) wanted.push_back(*roles.label);
  RawOutput raw;
  for (size_t begin = 0; begin < picked.size(); begin += kBatchRows) {
    const size_t count = std::min(kBatchRows, picked.size() - begin);
    const auto batch = TRY(inference::MakeBatch(*judge.model, judge.binding, lookup, begin, count));
    // Outputs come in the model's order, whatever the order asked for.
    const auto result = TRY(judge.model->Run(batch, wanted));
    TRY(TakeBatch(result, roles, count, raw));
  }
  return raw;
}

Result<std::vector<std::string>> ClassesOf(const Judge& judge, const RawOutput& raw,
                                           const sql::Column& label, const Rows& rows,
                                           const TaskOptions& options) {
  if (!raw.classes.empty()) return raw.classes;
  if (!options.classes.empty()) return options.classes;
  if (const auto text = judge.model->Metadata("classes")) {
    auto list = ParseJson(*text);
    if (!list || !list->IsArray()) {
      return Invalid("the model's metadata property classes is no JSON list");
    }
    std::vector<std::string> classes;
    for (const Json& item : list->AsArray()) classes.push_back(ClassText(item));
    return classes;
  }
  std::vector<std::string> classes;
  if (label.type == sql::Type::kText) {
    std::set<std::string> distinct;
    for (const size_t row : rows.keep) distinct.insert(label.texts[row]);
    classes.assign(distinct.begin(), distinct.end());
  } else {
    for (size_t i = 0; i < std::max<size_t>(2, raw.width); ++i)
      classes.push_back(std::to_string(i));
  }
  return classes;
}

Status FillClasses(const Judge& judge, const RawOutput& raw, const TaskOptions& options,
                   Predictions& out) {
  const size_t k = out.classes.size();
  const size_t rows = raw.numbers.size() / std::max<size_t>(1, raw.width);
  const bool one_number = raw.width == 1;
  if (!one_number && raw.width != k) {
    return Invalid(judge.source.name + " gives " + std::to_string(raw.width) +
                   " probabilities; there are " + std::to_string(k) + " classes (" +
                   Join(out.classes, ", ") + "): name them with --classes");
  }
  for (size_t row = 0; row < rows; ++row) {
    const double* p = &raw.numbers[row * raw.width];
    bool finite = true;
    for (size_t c = 0; c < raw.width; ++c) finite = finite && std::isfinite(p[c]);
    if (!finite) ++out.not_finite;
    if (one_number) {
      const double positive = *p;
      if (finite && (positive < -kRounding || positive > 1 + kRounding)) {
        return Invalid("--task binary wants a probability from 0 to 1; " + judge.source.name +
                       " gives " + FormatDouble(positive));
      }
      out.probabilities.push_back(out.positive == 1 ? 1 - positive : positive);
      out.probabilities.push_back(out.positive == 1 ? positive : 1 - positive);
      out.predicted_class.push_back(positive >= options.threshold ? out.positive
                                                                  : 1 - out.positive);
      continue;
    }
    out.probabilities.insert(out.probabilities.end(), p, p + k);
    if (raw.labels.empty()) {
      out.predicted_class.push_back(static_cast<int32_t>(std::max_element(p, p + k) - p));
      continue;
    }
    const auto found = std::ranges::find(out.classes, raw.labels[row]);
    if (found == out.classes.end()) {
      return Invalid(judge.source.name + " predicts class '" + raw.labels[row] +
                     "', which is none of " + Join(out.classes, ", "));
    }
    out.predicted_class.push_back(static_cast<int32_t>(found - out.classes.begin()));
  }
  return {};
}

Status LabelClasses(const sql::Column& label, const std::vector<size_t>& picked, Predictions& out) {
  for (const size_t row : picked) {
    std::string text = ClassText(label, row);
    auto found = std::ranges::find(out.classes, text);
    if (found == out.classes.end() && label.type == sql::Type::kBool) {
      found = std::ranges::find(out.classes, text == "1" ? "true" : "false");
    }
    if (found == out.classes.end()) {
      return Invalid("label '" + text + "' (column '" + label.name + "', row " +
                     std::to_string(row + 1) + ") is none of the classes " +
                     Join(out.classes, ", "));
    }
    out.label_class.push_back(static_cast<int32_t>(found - out.classes.begin()));
  }
  return {};
}

Status SetPositive(const TaskOptions& options, Predictions& out) {
  if (options.positive.empty()) return {};
  if (out.task != stats::Task::kBinary) return Invalid("--positive is for two classes");
  const auto found = std::ranges::find(out.classes, options.positive);
  if (found == out.classes.end()) {
    return Invalid("--positive '" + options.positive + "' is none of the classes " +
                   Join(out.classes, ", "));
  }
  out.positive = static_cast<int>(found - out.classes.begin());
  return {};
}

Status FillNumbers(const Judge& judge, const RawOutput& raw, const sql::Column& label,
                   const std::vector<size_t>& picked, Predictions& out) {
  if (raw.width != 1) {
    return Invalid(judge.source.name + " gives " + std::to_string(raw.width) +
                   " numbers a row; one is wanted");
  }
  out.prediction = raw.numbers;
  for (const double value : out.prediction) {
    if (!std::isfinite(value)) ++out.not_finite;
  }
  const std::vector<double> labels = label.Numbers();
  for (const size_t row : picked) out.label.push_back(labels[row]);
  return {};
}

}  // namespace

Result<const sql::Column*> Rows::Need(const std::string& name, std::string_view what) const {
  if (const sql::Column* column = table.Find(name)) return column;
  std::vector<std::string> names;
  for (const sql::Column& column : table.columns) names.push_back(column.name);
  return Invalid(std::string(what) + " column '" + name + "', which the data does not have" +
                 DidYouMean(name, names));
}

Result<Rows> ReadRows(const std::string& path, const std::string& label) {
  auto engine = TRY(sql::Engine::Open());
  Rows rows;
  const sql::FileScan scan = TRY(sql::OpenFile(*engine, path));
  rows.table = TRY(engine->Read({.text = "SELECT * FROM " + scan.typed}));
  const sql::Column* column = TRY(rows.Need(label, "the label is"));
  for (size_t row = 0; row < column->rows(); ++row) {
    if (HasValue(*column, row))
      rows.keep.push_back(row);
    else
      ++rows.without_label;
  }
  return rows;
}

Result<Judge> OpenJudge(const ModelSource& source, const TaskOptions& options) {
  Judge judge;
  judge.source = source;
  judge.model = TRY(inference::Load(source.path));
  judge.binding = TRY(inference::Bind(*judge.model, options.features, source.features));
  return judge;
}

stats::Judged Predictions::View() const {
  return {.task = task,
          .label = label,
          .prediction = prediction,
          .label_class = label_class,
          .predicted_class = predicted_class,
          .probabilities = probabilities,
          .classes = static_cast<int>(classes.size()),
          .positive = positive};
}

Predictions Predictions::Pick(const std::vector<size_t>& rows) const {
  Predictions out;
  out.task = task;
  out.classes = classes;
  out.positive = positive;
  const size_t k = classes.size();
  for (const size_t row : rows) {
    if (task == stats::Task::kRegression) {
      out.label.push_back(label[row]);
      out.prediction.push_back(prediction[row]);
      continue;
    }
    out.label_class.push_back(label_class[row]);
    out.predicted_class.push_back(predicted_class[row]);
    const auto first = probabilities.begin() + static_cast<std::ptrdiff_t>(row * k);
    out.probabilities.insert(out.probabilities.end(), first,
                             first + static_cast<std::ptrdiff_t>(k));
  }
  return out;
}

Result<Predictions> Predict(const Judge& judge, const Rows& rows, const std::vector<size_t>& picked,
                            const TaskOptions& options, bool labelled) {
  const OutputRoles roles = RolesOf(*judge.model);
  const RawOutput raw = TRY(RunAll(judge, roles, rows, picked));
  const sql::Column& label = *TRY(rows.Need(options.label, "the label is"));
  Predictions out;
  const bool classifies = roles.probabilities && raw.width > 1;
  if (!classifies && !options.binary) {
    for (const auto& [option, given] : {std::pair("--classes", !options.classes.empty()),
                                        std::pair("--positive", !options.positive.empty())}) {
      if (!given) continue;
      return Invalid(std::string(option) + " is for classes, and " + judge.source.name +
                     " predicts a number (one number as a probability: --task binary)");
    }
    const bool numeric = label.type == sql::Type::kInt || label.type == sql::Type::kDouble ||
                         label.type == sql::Type::kDecimal || label.type == sql::Type::kBool;
    if (!numeric) {
      return Invalid("the model predicts a number, and the label '" + label.name +
                     "' is no number (one number as a probability: --task binary)");
    }
    TRY(FillNumbers(judge, raw, label, picked, out));
    return out;
  }
  if (classifies && options.binary && raw.width != 2) {
    return Invalid("--task binary is for two classes; the model has " + std::to_string(raw.width));
  }
  out.classes = TRY(ClassesOf(judge, raw, label, rows, options));
  out.task = out.classes.size() == 2 ? stats::Task::kBinary : stats::Task::kMulticlass;
  if (!classifies && out.classes.size() != 2) {
    return Invalid("--task binary wants two classes, not " + Join(out.classes, ", "));
  }
  TRY(SetPositive(options, out));
  TRY(FillClasses(judge, raw, options, out));
  if (labelled) TRY(LabelClasses(label, picked, out));
  return out;
}

Result<sql::Column> PredictColumn(const ModelSource& source, const sql::Table& table) {
  const Judge judge = TRY(OpenJudge(source, {}));
  const OutputRoles roles = RolesOf(*judge.model);
  if (roles.probabilities ? !roles.label : !roles.number) {
    return Invalid(source.name + " predicts neither a number nor a class");
  }
  Rows rows;
  rows.table = table;
  rows.keep.resize(table.rows());
  for (size_t i = 0; i < rows.keep.size(); ++i) rows.keep[i] = i;
  RawOutput raw = TRY(RunAll(judge, roles, rows, rows.keep));
  sql::Column column;
  column.name = "prediction";
  column.valid.assign(rows.keep.size(), 1);
  if (roles.probabilities) {
    column.type = sql::Type::kText;
    column.texts = std::move(raw.labels);
    return column;
  }
  if (raw.width > 1) return Invalid(source.name + " predicts more than one number");
  column.type = sql::Type::kDouble;
  column.doubles = std::move(raw.numbers);
  return column;
}

}  // namespace tatara::evaluation
