#include "inference/binding.h"

#include <algorithm>

#include "base/json.h"
#include "base/strings.h"
#include "inference/cell.h"
#include "inference/inference.h"

namespace tatara::inference {
namespace {

bool IsMatrix(const TensorInfo& input) { return input.shape.size() == 2 && input.shape[1] != 1; }

Result<std::vector<std::string>> FeatureNames(const Model& model,
                                              const std::vector<std::string>& features,
                                              const std::vector<std::string>& signature,
                                              const TensorInfo& input) {
  if (!features.empty()) return features;
  // A signature of one tensor names the tensor, not the columns of its matrix.
  const bool names_columns = !signature.empty() && !(signature.size() == 1 && input.shape[1] > 1);
  if (names_columns) return signature;
  if (const auto text = model.Metadata("feature_names")) {
    std::vector<std::string> names = StringsOf(*text);
    if (!names.empty()) return names;
    return Invalid("the model's metadata property feature_names is no JSON list of names");
  }
  return Invalid("input '" + input.name + "' takes a matrix " + ShapeText(input.shape) +
                 " and the model does not say which columns: name them with --features a,b,...");
}

// Element `row` of a column.
Cell CellOf(const ColumnView& view, size_t row) {
  if (!view.valid.empty() && view.valid[row] == 0) return {};
  switch (view.kind) {
    case ColumnView::Kind::kInt:
      return Cell::Int(view.ints[row]);
    case ColumnView::Kind::kBool:
      return Cell::Bool(view.ints[row] != 0);
    case ColumnView::Kind::kDouble:
      return Cell::Double(view.doubles[row]);
    case ColumnView::Kind::kText:
      return Cell::Text(view.texts[row]);
  }
  CHECK(false);
}

// Writes `count` values from `begin` on into every `stride`-th element of the tensor.
struct Filler {
  const std::string& column;
  const ColumnView& view;
  size_t begin, count;
  Tensor& tensor;
  size_t first, stride;

  Status Fill() {
    for (size_t i = 0; i < count; ++i) {
      Status put = PutCell(tensor, first + i * stride, CellOf(view, begin + i));
      if (put) continue;
      return Invalid("column '" + column + "', row " + std::to_string(begin + i + 1) + ": " +
                     put.error().message);
    }
    return {};
  }
};

}  // namespace

Result<Binding> Bind(const Model& model, const std::vector<std::string>& features,
                     const std::vector<std::string>& signature) {
  Binding binding;
  for (const TensorInfo& input : model.inputs()) {
    BoundInput bound;
    bound.flat = input.shape.size() == 1;
    if (input.shape.empty() || input.shape.size() > 2) {
      return Invalid("input '" + input.name + "' has shape " + ShapeText(input.shape) +
                     "; rows with columns can feed [N], [N,1] and [N,k] only");
    }
    const bool named = model.inputs().size() == 1 && features.size() == 1 && !IsMatrix(input);
    if (IsMatrix(input)) {
      bound.columns = TRY(FeatureNames(model, features, signature, input));
      if (input.shape[1] > 0 && static_cast<int64_t>(bound.columns.size()) != input.shape[1]) {
        return Invalid("input '" + input.name + "' takes " + std::to_string(input.shape[1]) +
                       " columns; " + std::to_string(bound.columns.size()) + " are named (" +
                       Join(bound.columns, ", ") + ")");
      }
    } else {
      bound.columns = named ? features : std::vector{input.name};
    }
    for (const std::string& column : bound.columns) {
      if (std::ranges::find(binding.columns, column) == binding.columns.end()) {
        binding.columns.push_back(column);
      }
    }
    binding.inputs.push_back(std::move(bound));
  }
  return binding;
}

Result<std::vector<Tensor>> MakeBatch(const Model& model, const Binding& binding,
                                      const ColumnLookup& lookup, size_t begin, size_t count) {
  std::vector<Tensor> batch;
  const auto rows = static_cast<int64_t>(count);
  for (size_t i = 0; i < binding.inputs.size(); ++i) {
    const BoundInput& bound = binding.inputs[i];
    const auto width = static_cast<int64_t>(bound.columns.size());
    Tensor tensor =
        Tensor::Make(model.inputs()[i].type,
                     bound.flat ? std::vector<int64_t>{rows} : std::vector<int64_t>{rows, width});
    for (size_t c = 0; c < bound.columns.size(); ++c) {
      const std::string& name = bound.columns[c];
      const ColumnView* view = lookup(name);
      if (view == nullptr)
        return Invalid("column '" + name + "', which the model needs, is missing");
      TRY((Filler{name, *view, begin, count, tensor, c, bound.columns.size()}.Fill()));
    }
    batch.push_back(std::move(tensor));
  }
  return batch;
}

}  // namespace tatara::inference
