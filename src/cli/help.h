// Help and shell completion, made from the command table.
#pragma once

#include <string>

#include "cli/command.h"

namespace tatara::cli {

std::string Overview();                           // `tatara help`
std::string CommandHelp(const Command& command);  // `tatara COMMAND --help`
// A completion script for "bash" or "zsh".
Result<std::string> Completion(const std::string& shell);
// The CLI page of the docs, in Markdown.
std::string CommandReference();

}  // namespace tatara::cli
