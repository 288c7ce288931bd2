// Elements of tensors as JSON text. The encoders of all dialects.
#pragma once

#include <cstdint>
#include <string>

#include "serving/serving.h"

namespace tatara::api {

// Appends element `index`: numbers as the shortest text that reads back alike (NaN and infinities
// as null), booleans as true and false, BYTES as strings.
void AppendElement(std::string& out, const inference::Tensor& tensor, size_t index);

// Tensors that came by position, not by name: the cells that capture keeps of them, if the version
// has columns to keep them in. `numbers` of each input are its elements before the cast to the
// input's type, or empty: then they are taken from the tensor.
void SetCells(serving::Call& call, const std::vector<std::vector<double>>& numbers);

// How many answers capture makes rows of: the rows of the first input, or one.
int64_t RowsOf(const serving::Version& version, const std::vector<inference::Tensor>& inputs);

}  // namespace tatara::api
