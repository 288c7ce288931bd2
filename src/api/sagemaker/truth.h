// SageMaker's ground-truth records, one JSON object a line.
#pragma once

#include <string_view>
#include <vector>

#include "serving/serving.h"

namespace tatara::api {

// All lines, or kInvalid naming the first bad one ("line 3: ..."). Blank lines are skipped. `time`
// becomes each truth's.
Result<std::vector<serving::Truth>> ReadTruths(std::string_view body, Time time);

}  // namespace tatara::api
