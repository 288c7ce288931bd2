// What no section can say of itself alone, beside the names that parse.cc looks up.
#pragma once

#include "base/yaml.h"
#include "project/project.h"

namespace tatara::project {

// The alias that an endpoint follows is one that the registry could ever have.
Status CheckAlias(const serving::EndpointSpec& spec, const Yaml& node);
// The SQL of a monitor's `expect`, by what `options.check_sql` says of it.
Status CheckExpect(const monitor::MonitorSpec& spec, const Yaml& node, const ParseOptions& options);
// A line for each alarm over a series that no monitor or endpoint of this project writes: it would
// wait for ever.
std::vector<std::string> UnwrittenSeries(const Project& project, const Yaml& alarms,
                                         const std::string& file);
// A line for each alarm that a rule waits for and this project does not have.
std::vector<std::string> MissingAlarms(const Project& project, const Yaml& rules,
                                       const std::string& file);

}  // namespace tatara::project
