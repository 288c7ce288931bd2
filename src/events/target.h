// What a rule starts. `events` knows no pipeline: the in-process targets stand in app/targets.cc.
#pragma once

#include <string>

#include "base/id.h"
#include "base/json.h"
#include "db/db.h"
#include "events/log.h"

namespace tatara::events {

// One start by a rule.
struct Delivery {
  std::string id;  // "d-...": a start is keyed by it
  std::string project, rule;
  std::string target;  // the pipeline's or the notice's name
  Json params;         // an object: the rule's params with their templates filled in
  Event event;         // the event that caused the start
  EventId cause;       // the rule_started event: what the target appends names it as cause
  Time time{};         // of the start, on the clock
};

enum class Phase { kRunning, kSucceeded, kFailed };

struct Progress {
  Phase phase = Phase::kRunning;
  std::string reason;  // of a failure
};

// Contract
//  1. Start runs inside the transaction of the rule's decision, must not block, and is called once
//     for each delivery: what it writes is committed with the rule_started event, or not at all.
//  2. An error of Start undoes its writes; the delivery is FAILED with that message.
//  3. Observe tells what became of a handle; an error means "not known now", never an end.
class Target {
 public:
  virtual ~Target() = default;
  virtual Result<std::string> Start(db::Tx& tx, const Delivery& delivery) = 0;
  virtual Result<Progress> Observe(db::Reader& reader, const std::string& handle) = 0;
};

}  // namespace tatara::events
