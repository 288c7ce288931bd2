// The values inside a .dvc file of `dvc add`: what its outputs were, and writing them back with the
// rest of the text untouched. Pure.
#pragma once

#include <string>
#include <vector>

#include "pipelines/lock.h"

namespace tatara::pipelines {

// The outputs as lock items, in the file's order.
Result<std::vector<LockItem>> ParseDataItems(const std::string& text);
// The text with the values of the outputs replaced; items by path.
Result<std::string> SetDataItems(std::string text, const std::vector<LockItem>& items);

}  // namespace tatara::pipelines
