#include "api/predict/elements.h"

#include <charconv>
#include <cmath>
#include <limits>

#include "base/json.h"

namespace tatara::api {
namespace {

using inference::DataType;
using inference::Tensor;

template <class T>
void AppendNumber(std::string& out, T value) {
  char text[40];
  const auto end = std::to_chars(text, text + sizeof(text), value);
  out.append(text, end.ptr);
}

template <class T>
void AppendFloat(std::string& out, T value) {
  if (!std::isfinite(value)) {
    out += "null";
    return;
  }
  const size_t start = out.size();
  AppendNumber(out, value);
  // A float stays one for readers that tell 1 from 1.0.
  if (out.find_first_of(".e", start) == std::string::npos) out += ".0";
}

}  // namespace

void AppendElement(std::string& out, const Tensor& tensor, size_t index) {
  switch (tensor.type) {
    case DataType::kBool:
      out += tensor.bytes[index] != 0 ? "true" : "false";
      return;
    case DataType::kUint8:
      return AppendNumber(out, tensor.As<uint8_t>()[index]);
    case DataType::kUint16:
      return AppendNumber(out, tensor.As<uint16_t>()[index]);
    case DataType::kUint32:
      return AppendNumber(out, tensor.As<uint32_t>()[index]);
    case DataType::kUint64:
      return AppendNumber(out, tensor.As<uint64_t>()[index]);
    case DataType::kInt8:
      return AppendNumber(out, tensor.As<int8_t>()[index]);
    case DataType::kInt16:
      return AppendNumber(out, tensor.As<int16_t>()[index]);
    case DataType::kInt32:
      return AppendNumber(out, tensor.As<int32_t>()[index]);
    case DataType::kInt64:
      return AppendNumber(out, tensor.As<int64_t>()[index]);
    case DataType::kFp16:
      return AppendFloat(out, inference::FromHalf(tensor.As<uint16_t>()[index]));
    case DataType::kFp32:
      return AppendFloat(out, tensor.As<float>()[index]);
    case DataType::kFp64:
      return AppendFloat(out, tensor.As<double>()[index]);
    case DataType::kBytes:
      return AppendJsonString(out, tensor.strings[index]);
  }
}

int64_t RowsOf(const serving::Version& version, const std::vector<Tensor>& inputs) {
  const bool has_rows = version.batches || !version.layout.columns.empty();
  return has_rows && !inputs.empty() && !inputs.front().shape.empty() ? inputs.front().shape[0] : 1;
}

void SetCells(serving::Call& call, const std::vector<std::vector<double>>& numbers) {
  const serving::Version& version = *call.version;
  const size_t width = version.layout.columns.size();
  if (width == 0) return;
  const auto rows = static_cast<size_t>(call.rows);
  call.cells.numbers.assign(rows * width, std::numeric_limits<double>::quiet_NaN());
  for (size_t row = 0; row < rows; ++row) {
    for (size_t c = 0; c < width; ++c) {
      const auto& [input, column] = version.targets[c].front();
      const Tensor& tensor = call.inputs[input];
      const size_t columns = tensor.shape.size() > 1 ? static_cast<size_t>(tensor.shape[1]) : 1;
      const size_t element = row * columns + column;
      if (version.layout.columns[c].text) {
        call.cells.texts.push_back(tensor.strings[element]);
      } else {
        call.cells.numbers[row * width + c] = input < numbers.size() && !numbers[input].empty()
                                                  ? numbers[input][element]
                                                  : inference::NumberAt(tensor, element);
      }
    }
  }
}

}  // namespace tatara::api
