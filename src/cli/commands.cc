#include "cli/commands/commands.h"

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

}  // namespace tatara::cli
