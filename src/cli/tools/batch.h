// The batch form of the tools that work alone: JSON lines in, one line of JSON out for each.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/json.h"
#include "cli/command.h"

namespace tatara::cli {

// The line that answers one line of input; an error becomes {"error": message}.
using BatchLine = std::function<Result<Json>(const Json& line)>;

// Answers each line of a file ("-": standard input). Exit code 0; an error when it cannot be read.
Result<int> RunBatch(Context& context, const std::string& path, const BatchLine& answer);

// An error that names the first key of an object that is not among `known`, with the nearest one.
Status CheckKeys(const Json& object, const std::string& where,
                 const std::vector<std::string>& known);

}  // namespace tatara::cli
