// The body of an inference request of the Open Inference Protocol (v2), JSON form.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "serving/serving.h"

namespace tatara::api {

struct InferRequest {
  std::string id;
  bool has_id = false;
  std::vector<inference::Tensor> inputs;     // in the model's order, checked against it
  std::vector<std::vector<double>> numbers;  // of each input of floats: its elements as they came
  std::vector<size_t> outputs;               // asked for, as indices of the model's; empty: all
};

// kInvalid names the input and what it wants. `body` gets spare bytes behind its end, as the parser
// needs them.
Result<InferRequest> ReadInferRequest(std::string& body, const inference::Model& model);

}  // namespace tatara::api
