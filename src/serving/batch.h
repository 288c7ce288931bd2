// Rows of several requests as one batch, and its answers back as one for each request. Pure.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "inference/inference.h"

namespace tatara::serving {

// Whether two requests' tensors differ in their first dimension only.
bool SameRowShape(std::span<const inference::Tensor> a, std::span<const inference::Tensor> b);

// The inputs of all requests under one another; each must have one tensor per input, alike but for
// the first dimension.
std::vector<inference::Tensor> Concatenate(
    std::span<const std::span<const inference::Tensor>> requests);

// The outputs cut into pieces of so many rows. kInternal when an output does not have as many rows
// as all pieces together.
Result<std::vector<inference::RunOutput>> SplitRows(const inference::RunOutput& output,
                                                    std::span<const int64_t> rows);

}  // namespace tatara::serving
