// Captured rows for SQL: the view capture_E of each endpoint E.
#pragma once

#include <optional>
#include <string>

#include "base/time.h"
#include "sql/command.h"

namespace tatara::serving {

// Adds the views capture_E (inference_id, event_time, model_version, the inputs by name,
// prediction, the outputs behind the first by name, truth; one row for each inference id) of the
// endpoints that the query mentions. Reads the files of the home only, so that it needs no server;
// a running one writes what it holds within 50 ms, or at once by POST /api/v1/capture/flush.
Status AddCaptureViews(const std::string& home, sql::SqlCommand& command);

// The greatest event time in the journals of a home: where the clock of a replay stands at least,
// when its server was killed.
std::optional<Time> LastEventTime(const std::string& home);

}  // namespace tatara::serving
