// YAML text exactly as ruamel.yaml writes it for DVC (block style, folded at 80 columns), so that
// dvc.lock does not change in git when the other tool wrote it last. Pure.
#pragma once

#include <string>

#include "pipelines/value.h"

namespace tatara::pipelines {

// A map as a document. `indent`: columns before its keys, for a part of a larger document.
std::string YamlText(const Value& map, int indent = 0);

}  // namespace tatara::pipelines
