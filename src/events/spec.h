// What `rules:` and `notices:` of tatara.yaml say, as plain structs. Parsing is pure: no home.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/time.h"
#include "base/yaml.h"

namespace tatara::events {

struct BlockedBy {
  std::string event;   // an event's type, such as data_fault
  std::string notify;  // the notice that is told instead; may be empty
};

struct RuleLimits {
  std::optional<Duration> cooldown;  // from the causing event's time of this rule's last start
  // Most starts in one calendar period of the rule's zone (weeks begin on Monday).
  std::optional<int64_t> per_hour, per_day, per_week, per_month;
  bool forbid_concurrency = false;  // no start while an earlier one runs
};

struct RuleSpec {
  std::string name;
  // Exactly one of the two:
  Json when;             // an event pattern, or null
  std::string schedule;  // cron(...) or rate(...), or empty
  // Exactly one of the two:
  std::string run;     // a pipeline
  std::string notify;  // a notice
  std::string timezone = "UTC";
  // Parameters of the run; texts may hold ${day}, ${day - 90d}, ${event.detail.x}.
  std::vector<std::pair<std::string, Json>> params;
  std::optional<BlockedBy> blocked_by;
  RuleLimits limits;
  bool repeat_while_on = false;
  Json source;  // the entry as it stood, the canonical form that is stored and compared
};

struct NoticeSpec {
  std::string name;
  std::string webhook;  // a URL; empty: the notice is an event and a line in the log
  std::string secret;   // "whsec_<base64>" or any text; empty: not signed
};

// One entry of `rules:`. Errors begin with "line N:"; unknown keys name the nearest one. Patterns,
// schedules, zones and templates are checked here.
Result<RuleSpec> ParseRule(const std::string& name, const Yaml& node);
// Without secrets: what `plan` compares and `rules --json` shows.
Json ToJson(const RuleSpec& spec);

// The value of a variable of the environment of `apply`, or nothing.
using Lookup = std::function<std::optional<std::string>(std::string_view)>;
// One entry of `notices:`, with ${NAME} and ${NAME:-default} taken from the environment.
Result<NoticeSpec> ParseNotice(const std::string& name, const Yaml& node, const Lookup& lookup);
// `webhook` without its query, path and credentials, and whether there is a secret, as a digest:
// equal exactly when the specs are equal.
Json ToJson(const NoticeSpec& spec);

}  // namespace tatara::events
