// One value of a row with named columns, and how an input's element takes it (the law of
// binding.h): numbers are cast to the input's type, a missing value is NaN for floats and an error
// for integers and booleans, text goes to text only.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/result.h"
#include "inference/tensor.h"

namespace tatara::inference {

struct Cell {
  enum class Kind { kMissing, kBool, kInt, kUint, kDouble, kText };
  Kind kind = Kind::kMissing;
  int64_t whole = 0;      // kBool, kInt
  uint64_t positive = 0;  // kUint: integers above the int64 range
  double number = 0;      // kDouble; NaN is missing
  std::string_view text;  // kText, borrowed

  static Cell Bool(bool value) { return {.kind = Kind::kBool, .whole = value}; }
  static Cell Int(int64_t value) { return {.kind = Kind::kInt, .whole = value}; }
  static Cell Uint(uint64_t value) { return {.kind = Kind::kUint, .positive = value}; }
  static Cell Double(double value) { return {.kind = Kind::kDouble, .number = value}; }
  static Cell Text(std::string_view value) { return {.kind = Kind::kText, .text = value}; }

  bool IsMissing() const;
  // NaN when missing; CHECKs that it is no text.
  double AsDouble() const;
};

// Element `index` of the tensor becomes the cell. kInvalid says what is wrong with the value, not
// where it stands.
Status PutCell(Tensor& tensor, size_t index, const Cell& cell);

}  // namespace tatara::inference
