// TOML text as values: the only place that knows toml++.
#pragma once

#include <string>

#include "pipelines/value.h"

namespace tatara::pipelines {

// A TOML document as Python reads it, keys in the file's order. Errors begin with "line N:". A date
// or time is one: DVC cannot write it into dvc.lock.
Result<Value> ParseToml(const std::string& text);

}  // namespace tatara::pipelines
