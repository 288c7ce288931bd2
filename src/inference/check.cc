#include "inference/inference.h"

namespace tatara::inference {
namespace {

bool Fits(const TensorInfo& input, const Tensor& tensor) {
  if (tensor.shape.size() != input.shape.size()) return false;
  for (size_t i = 0; i < input.shape.size(); ++i) {
    if (input.shape[i] >= 0 && input.shape[i] != tensor.shape[i]) return false;
  }
  return true;
}

}  // namespace

Status CheckBatch(const std::vector<TensorInfo>& inputs, std::span<const Tensor> batch) {
  if (batch.size() != inputs.size()) {
    return Invalid("the model takes " + std::to_string(inputs.size()) + " inputs, not " +
                   std::to_string(batch.size()));
  }
  std::optional<int64_t> rows;
  for (size_t i = 0; i < inputs.size(); ++i) {
    const TensorInfo& input = inputs[i];
    const Tensor& tensor = batch[i];
    if (tensor.type != input.type) {
      return Invalid("input '" + input.name + "' wants " + std::string(DataTypeName(input.type)) +
                     ", not " + std::string(DataTypeName(tensor.type)));
    }
    if (!Fits(input, tensor)) {
      return Invalid("input '" + input.name + "' wants shape " + ShapeText(input.shape) +
                     " (-1: any), not " + ShapeText(tensor.shape));
    }
    if (input.shape.empty() || input.shape[0] >= 0) continue;
    if (rows && *rows != tensor.shape[0]) {
      return Invalid("input '" + input.name + "' has " + std::to_string(tensor.shape[0]) +
                     " rows; another input has " + std::to_string(*rows));
    }
    rows = tensor.shape[0];
  }
  return {};
}

}  // namespace tatara::inference
