// DuckDB's messages as errors of ours.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace tatara::sql {

// "Binder Error: ...\n\nLINE 1: SELECT x\n               ^" becomes
// "line 1, column 8: ... ", with the code that the kind of error means.
Error ErrorOfMessage(std::string_view message, std::string_view query);

}  // namespace tatara::sql
