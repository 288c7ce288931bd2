#include "inference/tensor.h"

#include <bit>

namespace tatara::inference {
namespace {

struct TypeRow {
  DataType type;
  std::string_view name;
  size_t size;
};

constexpr TypeRow kTypes[] = {
    {DataType::kBool, "BOOL", 1},     {DataType::kUint8, "UINT8", 1},
    {DataType::kUint16, "UINT16", 2}, {DataType::kUint32, "UINT32", 4},
    {DataType::kUint64, "UINT64", 8}, {DataType::kInt8, "INT8", 1},
    {DataType::kInt16, "INT16", 2},   {DataType::kInt32, "INT32", 4},
    {DataType::kInt64, "INT64", 8},   {DataType::kFp16, "FP16", 2},
    {DataType::kFp32, "FP32", 4},     {DataType::kFp64, "FP64", 8},
    {DataType::kBytes, "BYTES", 0},
};

template <class T>
double Read(const Tensor& tensor, size_t index) {
  T value;
  std::memcpy(&value, tensor.bytes.data() + index * sizeof(T), sizeof(T));
  return static_cast<double>(value);
}

}  // namespace

std::string_view DataTypeName(DataType type) { return kTypes[static_cast<int>(type)].name; }
size_t ElementSize(DataType type) { return kTypes[static_cast<int>(type)].size; }

std::optional<DataType> DataTypeFromName(std::string_view name) {
  for (const TypeRow& row : kTypes) {
    if (row.name == name) return row.type;
  }
  return std::nullopt;
}

bool IsFloat(DataType type) {
  return type == DataType::kFp16 || type == DataType::kFp32 || type == DataType::kFp64;
}

std::string ShapeText(std::span<const int64_t> shape) {
  std::string out = "[";
  for (size_t i = 0; i < shape.size(); ++i) {
    if (i > 0) out += ", ";
    out += std::to_string(shape[i]);
  }
  return out + "]";
}

std::optional<int64_t> ElementCount(std::span<const int64_t> shape) {
  int64_t count = 1;
  for (const int64_t dimension : shape) {
    if (dimension < 0 || __builtin_mul_overflow(count, dimension, &count)) return std::nullopt;
  }
  return count;
}

Tensor Tensor::Make(DataType type, std::vector<int64_t> shape) {
  Tensor tensor;
  tensor.type = type;
  tensor.shape = std::move(shape);
  const auto count = ElementCount(tensor.shape);
  CHECK(count.has_value());
  if (type == DataType::kBytes) {
    tensor.strings.resize(static_cast<size_t>(*count));
  } else {
    tensor.bytes.resize(static_cast<size_t>(*count) * ElementSize(type));
  }
  return tensor;
}

double NumberAt(const Tensor& tensor, size_t index) {
  switch (tensor.type) {
    case DataType::kBool:
    case DataType::kUint8:
      return Read<uint8_t>(tensor, index);
    case DataType::kUint16:
      return Read<uint16_t>(tensor, index);
    case DataType::kUint32:
      return Read<uint32_t>(tensor, index);
    case DataType::kUint64:
      return Read<uint64_t>(tensor, index);
    case DataType::kInt8:
      return Read<int8_t>(tensor, index);
    case DataType::kInt16:
      return Read<int16_t>(tensor, index);
    case DataType::kInt32:
      return Read<int32_t>(tensor, index);
    case DataType::kInt64:
      return Read<int64_t>(tensor, index);
    case DataType::kFp16:
      return FromHalf(tensor.As<uint16_t>()[index]);
    case DataType::kFp32:
      return Read<float>(tensor, index);
    case DataType::kFp64:
      return Read<double>(tensor, index);
    case DataType::kBytes:
      break;
  }
  CHECK(false);
}

uint16_t ToHalf(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  const auto sign = static_cast<uint16_t>((bits >> 16) & 0x8000);
  const int32_t exponent = static_cast<int32_t>((bits >> 23) & 0xff) - 127 + 15;
  uint32_t mantissa = bits & 0x7fffff;
  if (((bits >> 23) & 0xff) == 0xff) {  // infinity, NaN
    return static_cast<uint16_t>(sign | 0x7c00 | (mantissa != 0 ? 0x200 : 0));
  }
  if (exponent >= 31) return static_cast<uint16_t>(sign | 0x7c00);
  const auto round = [](uint32_t number, int shift) {  // ties to even
    const uint32_t half = 1U << (shift - 1), rest = number & ((1U << shift) - 1);
    uint32_t out = number >> shift;
    if (rest > half || (rest == half && (out & 1) != 0)) ++out;
    return out;
  };
  if (exponent <= 0) {  // a subnormal half, or zero
    if (exponent < -10) return sign;
    return static_cast<uint16_t>(sign | round(mantissa | 0x800000, 14 - exponent));
  }
  // Rounding may carry into the exponent, which is just what is wanted.
  return static_cast<uint16_t>(sign |
                               ((static_cast<uint32_t>(exponent) << 10) + round(mantissa, 13)));
}

float FromHalf(uint16_t bits) {
  const uint32_t sign = static_cast<uint32_t>(bits & 0x8000) << 16;
  const uint32_t exponent = (bits >> 10) & 0x1f;
  const uint32_t mantissa = bits & 0x3ff;
  if (exponent == 31) return std::bit_cast<float>(sign | 0x7f800000 | (mantissa << 13));
  if (exponent != 0) {
    return std::bit_cast<float>(sign | ((exponent + 112) << 23) | (mantissa << 13));
  }
  const float magnitude = static_cast<float>(mantissa) * 0x1p-24f;
  return sign != 0 ? -magnitude : magnitude;
}

}  // namespace tatara::inference
