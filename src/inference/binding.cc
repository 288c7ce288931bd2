#include "inference/binding.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/json.h"
#include "base/strings.h"
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
    auto list = ParseJson(*text);
    std::vector<std::string> names;
    if (list && list->IsArray()) {
      for (const Json& name : list->AsArray()) {
        if (name.IsString()) names.push_back(name.AsString());
      }
    }
    if (!names.empty()) return names;
    return Invalid("the model's metadata property feature_names is no JSON list of names");
  }
  return Invalid("input '" + input.name + "' takes a matrix " + ShapeText(input.shape) +
                 " and the model does not say which columns: name them with --features a,b,...");
}

std::unexpected<Error> BadValue(const std::string& column, size_t row, const std::string& what) {
  return Invalid("column '" + column + "', row " + std::to_string(row + 1) + ": " + what);
}

// Writes column values into every `stride`-th element of the tensor, from `first` on.
struct Filler {
  const std::string& column;
  const ColumnView& view;
  size_t begin, count;
  Tensor& tensor;
  size_t first, stride;

  bool IsMissing(size_t row) const {
    if (!view.valid.empty() && view.valid[row] == 0) return true;
    return view.kind == ColumnView::Kind::kDouble && std::isnan(view.doubles[row]);
  }

  Status Fill() {
    if (tensor.type == DataType::kBytes) return FillText();
    if (view.kind == ColumnView::Kind::kText) {
      return Invalid("column '" + column + "' is text; the model wants " +
                     std::string(DataTypeName(tensor.type)));
    }
    switch (tensor.type) {
      case DataType::kFp32:
        return FillFloat<float>();
      case DataType::kFp64:
        return FillFloat<double>();
      case DataType::kFp16:
        return FillHalf();
      case DataType::kBool:
        return FillInt<uint8_t>(1);
      case DataType::kUint8:
        return FillInt<uint8_t>();
      case DataType::kUint16:
        return FillInt<uint16_t>();
      case DataType::kUint32:
        return FillInt<uint32_t>();
      case DataType::kUint64:
        return FillInt<uint64_t>();
      case DataType::kInt8:
        return FillInt<int8_t>();
      case DataType::kInt16:
        return FillInt<int16_t>();
      case DataType::kInt32:
        return FillInt<int32_t>();
      default:
        return FillInt<int64_t>();
    }
  }

  double Number(size_t row) const {
    if (IsMissing(row)) return std::numeric_limits<double>::quiet_NaN();
    return view.kind == ColumnView::Kind::kDouble ? view.doubles[row]
                                                  : static_cast<double>(view.ints[row]);
  }

  template <class T>
  Status FillFloat() {
    const auto out = tensor.As<T>();
    for (size_t i = 0; i < count; ++i) {
      out[first + i * stride] = static_cast<T>(Number(begin + i));
    }
    return {};
  }

  Status FillHalf() {
    const auto out = tensor.As<uint16_t>();
    for (size_t i = 0; i < count; ++i) {
      out[first + i * stride] = ToHalf(static_cast<float>(Number(begin + i)));
    }
    return {};
  }

  template <class T>
  Status FillInt(T max = std::numeric_limits<T>::max()) {
    const auto out = tensor.As<T>();
    for (size_t i = 0; i < count; ++i) {
      const size_t row = begin + i;
      if (IsMissing(row)) {
        return BadValue(
            column, row,
            "a value is missing; the model wants " + std::string(DataTypeName(tensor.type)));
      }
      int64_t value = 0;
      if (view.kind == ColumnView::Kind::kDouble) {
        const double number = view.doubles[row];
        if (number != std::trunc(number) || std::abs(number) >= 0x1p63) {
          return BadValue(column, row,
                          FormatDouble(number) + " is no whole number; the model wants " +
                              std::string(DataTypeName(tensor.type)));
        }
        value = static_cast<int64_t>(number);
      } else {
        value = view.ints[row];
      }
      if (std::cmp_less(value, std::numeric_limits<T>::min()) || std::cmp_greater(value, max)) {
        return BadValue(column, row,
                        std::to_string(value) + " is out of the range of " +
                            std::string(DataTypeName(tensor.type)));
      }
      out[first + i * stride] = static_cast<T>(value);
    }
    return {};
  }

  Status FillText() {
    if (view.kind != ColumnView::Kind::kText) {
      return Invalid("column '" + column + "' is no text; the model wants BYTES");
    }
    for (size_t i = 0; i < count; ++i) {
      if (IsMissing(begin + i)) return BadValue(column, begin + i, "a text is missing");
      tensor.strings[first + i * stride] = view.texts[begin + i];
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
