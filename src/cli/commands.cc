#include "cli/commands/commands.h"

#include <algorithm>

#include "base/strings.h"

namespace tatara::cli {

const std::vector<Command>& Commands() {
  static const std::vector<Command> kCommands = [] {
    std::vector<Command> all;
    for (auto make : {ServerCommands, ProjectCommands, PipelineCommands, JobCommands,
                      RegistryCommands, EndpointCommands, JudgeTools, DataTools, EventCommands,
                      RuleTools, ScheduleTools, AlarmTools}) {
      for (Command& command : make()) all.push_back(std::move(command));
    }
    return all;
  }();
  return kCommands;
}

const Command* FindCommand(std::string_view name) {
  const auto found = std::ranges::find(Commands(), name, &Command::name);
  return found != Commands().end() ? &*found : nullptr;
}

std::vector<std::string> SecondWords(std::string_view first) {
  std::vector<std::string> words;
  const std::string start = std::string(first) + " ";
  for (const Command& command : Commands()) {
    if (command.name.starts_with(start)) words.push_back(command.name.substr(start.size()));
  }
  return words;
}

Error UnknownCommand(const std::string& word) {
  const std::vector<std::string> second = SecondWords(word);
  if (!second.empty()) {
    return {Code::kInvalid, "`tatara " + word + "` wants a word more: " + Join(second, ", ")};
  }
  std::vector<std::string> names;
  for (const Command& command : Commands()) names.push_back(command.name);
  return {Code::kInvalid,
          "unknown command '" + word + "'" + DidYouMean(word, names) + " (see `tatara help`)"};
}

}  // namespace tatara::cli
