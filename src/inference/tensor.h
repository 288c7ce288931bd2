// Tensors: a type of the Open Inference Protocol, a shape, row-major elements.
#pragma once

#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace tatara::inference {

enum class DataType {
  kBool,
  kUint8,
  kUint16,
  kUint32,
  kUint64,
  kInt8,
  kInt16,
  kInt32,
  kInt64,
  kFp16,
  kFp32,
  kFp64,
  kBytes,  // strings
};
std::string_view DataTypeName(DataType type);  // "FP32", as the protocol writes it
std::optional<DataType> DataTypeFromName(std::string_view name);
size_t ElementSize(DataType type);  // bytes; 0 for kBytes
bool IsFloat(DataType type);

struct TensorInfo {
  std::string name;
  DataType type = DataType::kFp32;
  std::vector<int64_t> shape;  // -1: free
  bool class_map = false;      // an output of one map a row (ZipMap); its shape is [-1, -1]
};

// "[-1, 13]"
std::string ShapeText(std::span<const int64_t> shape);
// The product of the dimensions; nothing when one is negative or the product leaves 63 bits.
std::optional<int64_t> ElementCount(std::span<const int64_t> shape);

struct Tensor {
  DataType type = DataType::kFp32;
  std::vector<int64_t> shape;
  std::vector<uint8_t> bytes;        // all types but kBytes; aligned as operator new aligns
  std::vector<std::string> strings;  // kBytes

  // A tensor of zeros (or empty strings). CHECKs that the shape is sound.
  static Tensor Make(DataType type, std::vector<int64_t> shape);
  int64_t elements() const { return ElementCount(shape).value_or(0); }
  template <class T>
  std::span<T> As() {
    return {reinterpret_cast<T*>(bytes.data()), bytes.size() / sizeof(T)};
  }
  template <class T>
  std::span<const T> As() const {
    return {reinterpret_cast<const T*>(bytes.data()), bytes.size() / sizeof(T)};
  }
};

// Element `index` as a double (not for kBytes): the nearest one for 64-bit integers.
double NumberAt(const Tensor& tensor, size_t index);

uint16_t ToHalf(float value);  // IEEE 754 binary16, ties to even
float FromHalf(uint16_t bits);

}  // namespace tatara::inference
