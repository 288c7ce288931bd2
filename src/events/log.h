// The event log: what happened, when, to what, and because of which earlier event.
//
// Invariants
//  1. Every state change of the platform appends its event in the transaction of the change.
//  2. `cause` is the id of an event that stands in the log, or empty: following it ends.
//  3. `position` grows with each commit; readers keep a cursor on it.
//  4. `hops` is the cause's hops + 1 (0 without a cause): the guard against rule loops.
// Threads: Append inside a write transaction; the rest through any Reader.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/id.h"
#include "base/json.h"
#include "base/time.h"
#include "db/db.h"

namespace tatara::events {

struct Event {
  EventId id;
  int64_t position = 0;
  Time time{};
  std::string source;   // "tatara.alarm", "tatara.jobs", ...
  std::string type;     // "alarm_state_changed", "data_fault", ...: EventBridge's detail-type
  std::string subject;  // what it is about: an alarm's name, "models:/delay/3", a job's id
  Json detail;          // an object
  EventId cause;        // empty: nothing in the platform caused it
  int hops = 0;
};

struct NewEvent {
  Time time{};
  std::string source;
  std::string type;
  std::string subject;
  Json detail = Json::MakeObject();
  EventId cause;
};

// Appends and returns the event with its id and position.
Result<Event> Append(db::Tx& tx, NewEvent event);

struct EventFilter {
  int64_t after = 0;   // position; events after it
  std::string source;  // empty: all
  std::string subject;
  std::string type;
  std::optional<Time> from, to;  // inclusive
  int64_t limit = 0;             // 0: all
  bool newest_first = false;
};
Result<std::vector<Event>> List(db::Reader& reader, const EventFilter& filter);
Result<std::optional<Event>> Find(db::Reader& reader, const EventId& id);

// The public form: id, time, source, type, subject, detail, cause.
Json ToJson(const Event& event);
// As patterns see it, EventBridge's envelope: version, id, detail-type, source, account, time,
// region, resources, detail.
Json ToEnvelope(const Event& event);

}  // namespace tatara::events
