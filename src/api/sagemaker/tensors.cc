#include "api/sagemaker/tensors.h"

#include <algorithm>

#include "api/predict/elements.h"
#include "api/predict/rows.h"
#include "base/strings.h"

namespace tatara::api {
namespace {

using inference::Cell;
using inference::Tensor;
using serving::Call;
using serving::Version;

constexpr size_t kDimensionsMax = 16;

Result<Cell> CellOf(const Json& json) {
  if (json.IsNull()) return Cell{};
  if (json.IsBool()) return Cell::Bool(json.AsBool());
  if (json.IsInt()) return Cell::Int(json.AsInt());
  if (json.IsUint()) return Cell::Uint(json.AsUint());
  if (json.IsDouble()) return Cell::Double(json.AsDouble());
  if (json.IsString()) return Cell::Text(json.AsString());
  return Invalid(std::string(json.TypeName()) + " where a value is wanted");
}

// pandas and NumPy clients wrap a row's scalar in a list of one.
const Json& Unwrapped(const Json& value) {
  return value.IsArray() && value.AsArray().size() == 1 ? value.AsArray().front() : value;
}

// The shape of nested lists, which must be even.
Status MeasureShape(const Json& json, size_t depth, std::vector<int64_t>& shape) {
  if (!json.IsArray()) {
    return depth == shape.size() ? Status() : Invalid("the lists are of uneven depth");
  }
  if (depth >= kDimensionsMax) return Invalid("the lists are nested too deeply");
  const auto size = static_cast<int64_t>(json.AsArray().size());
  if (depth == shape.size()) {
    shape.push_back(size);
  } else if (shape[depth] != size) {
    return Invalid("the lists are of uneven length");
  }
  for (const Json& item : json.AsArray()) TRY(MeasureShape(item, depth + 1, shape));
  return {};
}

Status FillElements(const Json& json, Tensor& tensor, size_t& next, std::vector<double>& numbers) {
  if (json.IsArray()) {
    for (const Json& item : json.AsArray()) TRY(FillElements(item, tensor, next, numbers));
    return {};
  }
  const Cell cell = TRY(CellOf(json));
  Status put = inference::PutCell(tensor, next, cell);
  if (!put) return Invalid("element " + std::to_string(next) + ": " + put.error().message);
  if (cell.kind != Cell::Kind::kText) numbers.push_back(cell.AsDouble());
  ++next;
  return {};
}

struct Filled {
  Tensor tensor;
  std::vector<double> numbers;
};

Result<Filled> TensorOf(const Json& json, const inference::TensorInfo& input) {
  const auto read = [&]() -> Result<Filled> {
    std::vector<int64_t> shape;
    if (json.IsArray()) TRY(MeasureShape(json, 0, shape));
    // A list of numbers feeds [N, 1] as well as [N]; a number alone is one row.
    if (shape.empty()) shape.push_back(1);
    if (shape.size() == 1 && input.shape.size() == 2 && input.shape[1] == 1) shape.push_back(1);
    Filled filled{Tensor::Make(input.type, shape), {}};
    size_t next = 0;
    TRY(FillElements(json, filled.tensor, next, filled.numbers));
    return filled;
  };
  auto filled = read();
  if (!filled) return std::unexpected(Prefixed("input '" + input.name + "'", filled.error()));
  return filled;
}

Status SetInputs(std::vector<Filled> inputs, Call& call) {
  std::vector<std::vector<double>> numbers;
  for (Filled& filled : inputs) {
    call.inputs.push_back(std::move(filled.tensor));
    numbers.push_back(std::move(filled.numbers));
  }
  TRY(inference::CheckBatch(call.version->model->inputs(), call.inputs));
  call.rows = RowsOf(*call.version, call.inputs);
  SetCells(call, numbers);
  return {};
}

Status ReadRows(const Json::Array& list, Call& call) {
  TRY(CheckBound(*call.version));
  RowBuilder rows(*call.version);
  for (const Json& item : list) {
    if (!item.IsObject()) return Invalid("the rows must all be objects");
    rows.BeginRow();
    size_t guess = 0;
    for (const auto& [name, value] : item.AsObject()) {
      const size_t position = rows.PositionOf(name, guess++);
      const Cell cell = TRY(CellOf(Unwrapped(value)));
      TRY(rows.Put(position, cell));
    }
    TRY(rows.EndRow());
  }
  rows.Finish(call);
  return {};
}

// Columns by name; each a list of one value a row, or of lists of one value.
Status ReadColumns(const Json::Object& object, Call& call) {
  TRY(CheckBound(*call.version));
  RowBuilder rows(*call.version);
  std::optional<size_t> count;
  for (const auto& [name, value] : object) {
    TRY(rows.AddColumn(name));
    const size_t size = value.IsArray() ? value.AsArray().size() : 1;
    if (count && *count != size) {
      return Invalid("column '" + name + "' has " + std::to_string(size) + " values; another has " +
                     std::to_string(*count));
    }
    count = size;
  }
  TRY(rows.CheckColumns());
  for (size_t row = 0; row < count.value_or(0); ++row) {
    rows.BeginRow();
    for (size_t i = 0; i < object.size(); ++i) {
      const Json& column = object[i].second;
      const Json& value = column.IsArray() ? column.AsArray()[row] : column;
      const Cell cell = TRY(CellOf(Unwrapped(value)));
      TRY(rows.Put(i, cell));
    }
    TRY(rows.EndRow());
  }
  rows.Finish(call);
  return {};
}

bool NamesAllInputs(const Json& object, const Version& version) {
  return std::ranges::all_of(version.model->inputs(), [&](const inference::TensorInfo& input) {
    return object.Find(input.name) != nullptr;
  });
}

}  // namespace

Status ReadTensors(std::string_view key, const Json& json, Call& call) {
  const auto& inputs = call.version->model->inputs();
  if (json.IsObject()) {
    if (!NamesAllInputs(json, *call.version)) return ReadColumns(json.AsObject(), call);
    std::vector<Filled> filled;
    for (const auto& input : inputs) {
      filled.push_back(TRY(TensorOf(*json.Find(input.name), input)));
    }
    return SetInputs(std::move(filled), call);
  }
  if (!json.IsArray()) {
    return Invalid("'" + std::string(key) + "' must be a list, or an object of named inputs");
  }
  const Json::Array& list = json.AsArray();
  if (!list.empty() && list.front().IsObject()) return ReadRows(list, call);
  if (inputs.size() != 1) {
    std::vector<std::string> names;
    for (const auto& input : inputs) names.push_back(input.name);
    return Invalid("the model has several inputs (" + Join(names, ", ") + "): name them in '" +
                   std::string(key) + "'");
  }
  std::vector<Filled> filled;
  filled.push_back(TRY(TensorOf(json, inputs.front())));
  return SetInputs(std::move(filled), call);
}

}  // namespace tatara::api
