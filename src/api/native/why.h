// `tatara why`: from a thing back through the events that caused it.
#pragma once

#include <string>

#include "base/json.h"
#include "db/db.h"
#include "events/events.h"

namespace tatara::api {

// {"thing": ..., "chain": [{event fields..., "text": "..."}]}, newest first. A thing is
// models:/N/V, models:/N@alias, an event, a run, a job, a pipeline run, an endpoint or an alarm;
// kNotFound when no event tells of it.
Result<Json> WhyChain(db::Reader& reader, const std::string& thing);

// One event in a sentence.
std::string Describe(const events::Event& event);

}  // namespace tatara::api
