// The rows of rules and deliveries. Private to events.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "db/db.h"
#include "events/judge.h"
#include "events/rules.h"

namespace tatara::events {

struct StoredRule {
  std::string project;
  RuleSpec spec;
  int64_t since = 0;  // position of the log when it was set
  std::optional<Time> next_fire, repeat_at;
  EventId repeat_event;
};

struct BusState {
  int64_t position = 0;    // stored: events up to here need not be seen again
  int64_t generation = 0;  // of the rules
  int64_t newest = 0;      // of the log
};

Result<BusState> LoadBus(db::Reader& reader);
Status StorePosition(db::Tx& tx, int64_t position);
Result<std::vector<StoredRule>> LoadRules(db::Reader& reader, const std::string& project = "");
Status StoreNextFire(db::Tx& tx, const std::string& rule, std::optional<Time> at);
Status StoreRepeat(db::Tx& tx, const std::string& rule, std::optional<Time> at,
                   const EventId& event);

// `started`: it counts as a start. kConflict when the rule has decided on this event before.
Status InsertDelivery(db::Tx& tx, const DeliveryRow& row, bool started);
Result<bool> HasDelivery(db::Reader& reader, const std::string& rule, const EventId& event);
Result<std::vector<DeliveryRow>> LoadRunning(db::Reader& reader);
Result<std::vector<DeliveryRow>> LoadDeliveries(db::Reader& reader, const std::string& rule,
                                                int64_t limit);
Status EndDelivery(db::Tx& tx, const std::string& id, const std::string& state,
                   const std::string& reason, Time now);

// What Judge must know of the rule's past, for a start caused at `time`.
Result<StartRequest> LoadHistory(db::Reader& reader, const RuleSpec& rule, Time time,
                                 const TimeZone& zone);
Result<std::optional<Time>> LastStart(db::Reader& reader, const std::string& rule);
Result<int64_t> CountStarts(db::Reader& reader, const std::string& rule);

}  // namespace tatara::events
