#include "monitor/class_quality.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "base/json.h"
#include "base/strings.h"

namespace tatara::monitor {
namespace {

// One row's probabilities, with the classes' names where the output has them.
struct Probabilities {
  std::vector<std::string> classes;  // empty: a plain list
  std::vector<double> values;
};

// Nothing where the text is no list or object of at least two numbers.
std::optional<Probabilities> ParseProbabilities(const std::string& text) {
  if (!text.starts_with('[') && !text.starts_with('{')) return std::nullopt;
  const auto json = ParseJson(text);
  if (!json) return std::nullopt;
  Probabilities out;
  bool numbers = true;
  const auto add = [&](const Json& value) {
    numbers = numbers && value.IsNumber() && std::isfinite(value.AsDouble());
    if (numbers) out.values.push_back(value.AsDouble());
  };
  if (json->IsObject()) {
    for (const auto& [name, value] : json->AsObject()) {
      out.classes.push_back(name);
      add(value);
    }
  } else {
    for (const Json& value : json->AsArray()) add(value);
  }
  if (!numbers || out.values.size() < 2) return std::nullopt;
  return out;
}

// The outputs whose first present value is a list of probabilities: more than one where versions
// answered whose outputs have different names.
std::vector<const sql::Column*> FindProbabilities(const sql::Table& rows) {
  std::vector<const sql::Column*> found;
  bool behind = false;
  for (const sql::Column& column : rows.columns) {
    if (column.name == "truth") break;
    if (behind && column.type == sql::Type::kText) {
      const auto first = std::ranges::find_if(column.valid, [](auto valid) { return valid != 0; });
      if (first != column.valid.end() &&
          ParseProbabilities(column.texts[static_cast<size_t>(first - column.valid.begin())])) {
        found.push_back(&column);
      }
    }
    behind = behind || column.name == "prediction";
  }
  return found;
}

std::optional<Probabilities> ProbabilitiesOf(const std::vector<const sql::Column*>& columns,
                                             size_t row) {
  for (const sql::Column* column : columns) {
    if (column->valid[row] != 0) return ParseProbabilities(column->texts[row]);
  }
  return std::nullopt;
}

// Numbers by value, before texts; texts by bytes.
void SortClasses(std::vector<std::string>& classes) {
  std::ranges::sort(classes, [](const std::string& a, const std::string& b) {
    double left = 0, right = 0;
    const bool number = ParseDouble(a, left), other = ParseDouble(b, right);
    if (number != other) return number;
    return number && left != right ? left < right : a < b;
  });
  classes.erase(std::unique(classes.begin(), classes.end()), classes.end());
}

std::vector<std::string> SeenClasses(const sql::Table& rows) {
  std::vector<std::string> classes;
  for (const char* name : {"prediction", "truth"}) {
    const sql::Column* column = rows.Find(name);
    for (size_t row = 0; row < column->rows(); ++row) {
      if (column->valid[row] != 0) classes.push_back(sql::CellText(*column, row));
    }
  }
  SortClasses(classes);
  return classes;
}

class ClassJudge {
 public:
  ClassJudge(const sql::Table& rows, const std::vector<size_t>& labelled)
      : rows_(rows), labelled_(labelled), classes_(SeenClasses(rows)) {}

  stats::Metrics Run() {
    if (!ReadProbabilities()) probabilities_.clear();
    const std::vector<int32_t> label = Indices(*rows_.Find("truth"));
    const std::vector<int32_t> predicted = Indices(*rows_.Find("prediction"));
    const bool binary = !probabilities_.empty() && classes_.size() == 2;
    return stats::AllMetrics({
        .task = binary ? stats::Task::kBinary : stats::Task::kMulticlass,
        .label_class = label,
        .predicted_class = predicted,
        .probabilities = probabilities_,
        .classes = static_cast<int>(classes_.size()),
    });
  }

 private:
  // False when some row has none, or they are not one for each class.
  bool ReadProbabilities() {
    const auto columns = FindProbabilities(rows_);
    std::vector<std::string> named;
    for (const size_t row : labelled_) {
      auto read = ProbabilitiesOf(columns, row);
      if (!read) return false;
      if (named.empty()) named = read->classes;
      if (!read->classes.empty() && read->classes != named) return false;
      probabilities_.insert(probabilities_.end(), read->values.begin(), read->values.end());
    }
    if (!named.empty() && !Contain(named)) return false;
    if (!named.empty()) classes_ = std::move(named);
    return probabilities_.size() == labelled_.size() * classes_.size();
  }

  bool Contain(const std::vector<std::string>& named) const {
    return std::ranges::all_of(classes_, [&](const std::string& name) {
      return std::ranges::find(named, name) != named.end();
    });
  }

  std::vector<int32_t> Indices(const sql::Column& column) const {
    std::vector<int32_t> out;
    for (const size_t row : labelled_) {
      const auto found = std::ranges::find(classes_, sql::CellText(column, row));
      out.push_back(static_cast<int32_t>(found - classes_.begin()));
    }
    return out;
  }

  const sql::Table& rows_;
  const std::vector<size_t>& labelled_;
  std::vector<std::string> classes_;
  std::vector<double> probabilities_;
};

}  // namespace

bool AreClasses(const sql::Table& rows) {
  for (const char* name : {"prediction", "truth"}) {
    const sql::Column* column = rows.Find(name);
    if (column != nullptr && column->type == sql::Type::kText) return true;
  }
  return !FindProbabilities(rows).empty();
}

stats::Metrics JudgeClasses(const sql::Table& rows, const std::vector<size_t>& labelled) {
  return ClassJudge(rows, labelled).Run();
}

}  // namespace tatara::monitor
