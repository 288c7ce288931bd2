// MLflow's forms `instances` and `inputs`: tensors by position or by name.
#pragma once

#include <string_view>

#include "base/json.h"
#include "serving/serving.h"

namespace tatara::api {

// `key` is the form's name, for messages. A list of objects is rows; an object holds columns by
// name, or tensors by the names of the model's inputs; another list is the model's only input.
Status ReadTensors(std::string_view key, const Json& json, serving::Call& call);

}  // namespace tatara::api
