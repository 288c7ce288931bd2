#include "inference/cell.h"

#include <cmath>
#include <limits>
#include <utility>

#include "base/strings.h"

namespace tatara::inference {
namespace {

std::string Wanted(const Tensor& tensor) {
  return "; the model wants " + std::string(DataTypeName(tensor.type));
}

std::unexpected<Error> OutOfRange(const std::string& value, const Tensor& tensor) {
  return Invalid(value + " is out of the range of " + std::string(DataTypeName(tensor.type)));
}

template <class T>
Status PutWhole(Tensor& tensor, size_t index, const Cell& cell,
                T max = std::numeric_limits<T>::max()) {
  if (cell.kind == Cell::Kind::kUint) {
    if (std::cmp_greater(cell.positive, max)) {
      return OutOfRange(std::to_string(cell.positive), tensor);
    }
    tensor.As<T>()[index] = static_cast<T>(cell.positive);
    return {};
  }
  int64_t value = cell.whole;
  if (cell.kind == Cell::Kind::kDouble) {
    if (cell.number != std::trunc(cell.number) || std::abs(cell.number) >= 0x1p63) {
      return Invalid(FormatDouble(cell.number) + " is no whole number" + Wanted(tensor));
    }
    value = static_cast<int64_t>(cell.number);
  }
  if (std::cmp_less(value, std::numeric_limits<T>::min()) || std::cmp_greater(value, max)) {
    return OutOfRange(std::to_string(value), tensor);
  }
  tensor.As<T>()[index] = static_cast<T>(value);
  return {};
}

Status PutInteger(Tensor& tensor, size_t index, const Cell& cell) {
  if (cell.IsMissing()) return Invalid("a value is missing" + Wanted(tensor));
  switch (tensor.type) {
    case DataType::kBool:
      return PutWhole<uint8_t>(tensor, index, cell, 1);
    case DataType::kUint8:
      return PutWhole<uint8_t>(tensor, index, cell);
    case DataType::kUint16:
      return PutWhole<uint16_t>(tensor, index, cell);
    case DataType::kUint32:
      return PutWhole<uint32_t>(tensor, index, cell);
    case DataType::kUint64:
      return PutWhole<uint64_t>(tensor, index, cell);
    case DataType::kInt8:
      return PutWhole<int8_t>(tensor, index, cell);
    case DataType::kInt16:
      return PutWhole<int16_t>(tensor, index, cell);
    case DataType::kInt32:
      return PutWhole<int32_t>(tensor, index, cell);
    default:
      return PutWhole<int64_t>(tensor, index, cell);
  }
}

}  // namespace

bool Cell::IsMissing() const {
  return kind == Kind::kMissing || (kind == Kind::kDouble && std::isnan(number));
}

double Cell::AsDouble() const {
  switch (kind) {
    case Kind::kMissing:
      return std::numeric_limits<double>::quiet_NaN();
    case Kind::kBool:
    case Kind::kInt:
      return static_cast<double>(whole);
    case Kind::kUint:
      return static_cast<double>(positive);
    case Kind::kDouble:
      return number;
    case Kind::kText:
      break;
  }
  CHECK(false);
}

Status PutCell(Tensor& tensor, size_t index, const Cell& cell) {
  if (tensor.type == DataType::kBytes) {
    if (cell.IsMissing())
      return Invalid("a text is missing, and models take no missing texts: fill it in");
    if (cell.kind != Cell::Kind::kText) return Invalid("a number is no text" + Wanted(tensor));
    tensor.strings[index] = cell.text;
    return {};
  }
  if (cell.kind == Cell::Kind::kText) {
    return Invalid("'" + std::string(cell.text.substr(0, 40)) + "' is text" + Wanted(tensor));
  }
  switch (tensor.type) {
    case DataType::kFp32:
      tensor.As<float>()[index] = static_cast<float>(cell.AsDouble());
      return {};
    case DataType::kFp64:
      tensor.As<double>()[index] = cell.AsDouble();
      return {};
    case DataType::kFp16:
      tensor.As<uint16_t>()[index] = ToHalf(static_cast<float>(cell.AsDouble()));
      return {};
    default:
      return PutInteger(tensor, index, cell);
  }
}

}  // namespace tatara::inference
