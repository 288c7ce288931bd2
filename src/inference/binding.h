// How rows with named columns become a model's input tensors: by name, never by position.
//
// Law (docs/tools.md, evaluate): each model input takes the column of its name ([N,1] or [N]); one
// matrix input [N,k>1] takes the given features, else the input names of the model's signature,
// else the model's metadata property `feature_names` (a JSON list). Numbers are cast to the input's
// type; a missing value is NaN for floats and an error for integers and booleans.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "inference/tensor.h"

namespace tatara::inference {

class Model;

// A view of one column of rows. Exactly one of ints, doubles and texts is set, by kind.
struct ColumnView {
  enum class Kind { kInt, kDouble, kText, kBool };  // kBool: ints of 0 and 1
  Kind kind = Kind::kDouble;
  std::span<const uint8_t> valid;  // 0: missing; empty: none is (but NaN of doubles)
  std::span<const int64_t> ints;
  std::span<const double> doubles;
  std::span<const std::string> texts;
};
// The column of a name, or null when the rows have none.
using ColumnLookup = std::function<const ColumnView*(std::string_view name)>;

struct BoundInput {
  std::vector<std::string> columns;
  bool flat = false;  // the input is [N], not [N, columns]
};
struct Binding {
  std::vector<BoundInput> inputs;    // in the order of the model's inputs
  std::vector<std::string> columns;  // all of them, each once, in order
};

// `features`: what the user gave (may be empty); `signature`: the model's own (may be empty).
// kInvalid naming --features when a matrix input's columns are not known.
Result<Binding> Bind(const Model& model, const std::vector<std::string>& features,
                     const std::vector<std::string>& signature);

// Rows [begin, begin + count) of the columns as input tensors. kInvalid names a missing column or a
// row's value that the input cannot take.
Result<std::vector<Tensor>> MakeBatch(const Model& model, const Binding& binding,
                                      const ColumnLookup& lookup, size_t begin, size_t count);

}  // namespace tatara::inference
