// The commands by noun; cli/commands.cc puts them into one table.
#pragma once

#include <vector>

#include "cli/command.h"

namespace tatara::cli {

std::vector<Command>
ServerCommands();  // up, down, status, clock, doctor, version, help, completion
std::vector<Command> ProjectCommands();   // plan, apply, monitors, why, doctor
std::vector<Command> PipelineCommands();  // run, pipelines
std::vector<Command> RegistryCommands();  // runs, models, artifacts
std::vector<Command> JudgeTools();        // evaluate, gate
std::vector<Command> DataTools();         // drift, features build, sql
std::vector<Command> EventCommands();     // events, alarms, rules
std::vector<Command> RuleTools();         // rules test
std::vector<Command> ScheduleTools();     // schedule next
std::vector<Command> AlarmTools();        // alarms test
std::vector<Command> EndpointCommands();  // deploy, endpoints, invoke
std::vector<Command> JobCommands();       // submit, jobs, jobs show, jobs why, logs, cancel

}  // namespace tatara::cli
