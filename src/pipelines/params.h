// Parameter files: reading them as DVC does, and setting a value without touching the rest of the
// text.
#pragma once

#include <string>

#include "pipelines/value.h"

namespace tatara::pipelines {

// By the name's ending: .json and .toml are read as such, .py is refused, all others are YAML 1.2.
// An empty file is an empty map.
Result<Value> ParseParams(const std::string& name, const std::string& text);
Result<Value> ReadParamsFile(const std::string& path);

// The YAML text with the scalar at a dotted path replaced; everything else stays, comments too.
// kNotFound when the path is not there, kInvalid when it is no scalar on one line.
Result<std::string> SetYamlScalar(const std::string& text, const std::string& path,
                                  const Value& value);

}  // namespace tatara::pipelines
