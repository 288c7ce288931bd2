// What a project says about a monitor (one entry under `monitors:` in tatara.yaml).
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "base/timezone.h"
#include "base/yaml.h"

namespace tatara::monitor {

struct ExpectRule {
  std::string name;
  std::string sql;  // a condition over the window's rows; empty: `auto`
};

// What judges a rule that has SQL, over the table `window_rows`.
std::string QueryOf(const ExpectRule& rule);

struct MonitorSpec {
  std::string name;
  std::string endpoint;
  std::string baseline;  // an artifact of the live version's run; empty: no drift is computed
  Duration every = std::chrono::days(1);
  std::string timezone = "UTC";
  Duration truth_wait{0};      // quality is judged so long after a window closed
  double truth_minimum = 0.5;  // and only if this share of its rows has a truth by then
  std::vector<ExpectRule> expect;
};

Result<MonitorSpec> ParseMonitor(const std::string& name, const Yaml& node);
Json ToJson(const MonitorSpec& spec);
Result<MonitorSpec> FromJson(const Json& json);

}  // namespace tatara::monitor
