// The door of inference: a batch of tensors in, a batch out. ONNX models in this process; function
// and container loaders are to come behind the same interface.
//
// ONNX Runtime is loaded when the first model is (libonnxruntime.so.1 beside the platform's
// libraries): a missing or broken library fails models (kUnavailable), not the platform.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "inference/binding.h"
#include "inference/cell.h"
#include "inference/tensor.h"

namespace tatara::inference {

struct RunOutput {
  std::vector<Tensor> outputs;  // those wanted, in the model's order
  // Of a classifier whose probabilities come as one map a row (ZipMap): the maps' keys, sorted; the
  // output itself is then an FP32 tensor [N, classes].
  std::vector<std::string> classes;
};

// A loaded model. Immutable; Run may be called by many threads at once.
class Model {
 public:
  virtual ~Model() = default;
  virtual const std::vector<TensorInfo>& inputs() const = 0;
  virtual const std::vector<TensorInfo>& outputs() const = 0;
  // A property of the model file's metadata ("feature_names"), or nothing.
  virtual std::optional<std::string> Metadata(const std::string& key) const = 0;
  // `batch` holds one tensor for each input, in the order of inputs(). `wanted` are indices of
  // outputs(); empty: all. kInvalid when the model cannot take the batch: says which input and what
  // it wants.
  virtual Result<RunOutput> Run(std::span<const Tensor> batch,
                                std::span<const size_t> wanted = {}) const = 0;
};

// Reads an ONNX file. kNotFound: no file; kInvalid: it is no model, or one that needs what the
// runtime does not have; kUnavailable: the runtime is not there.
Result<std::shared_ptr<const Model>> Load(const std::string& path);

// The type and shape of each tensor are what the input declares (a free dimension takes any size,
// and all inputs whose first dimension is free have the same there). For errors before a Run.
Status CheckBatch(const std::vector<TensorInfo>& inputs, std::span<const Tensor> batch);

}  // namespace tatara::inference
