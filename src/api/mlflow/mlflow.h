// MLflow's REST dialect: tracking, registry and the artifact proxy, under /api/2.0/mlflow and
// /ajax-api/2.0/mlflow (and 3.0 where the client asks there).
//
// Wire rules (research/MLflow 1.0): int64 as numbers, NaN and infinities as strings, unset fields
// left out, unknown fields ignored, double-encoded JSON taken, errors as
// {"error_code", "message"}. A caller's mistake is never a 500: the client repeats those for
// minutes. What of MLflow is not here (traces, webhooks, ...) is 404 ENDPOINT_NOT_FOUND.
#pragma once

#include <functional>
#include <vector>

#include "artifacts/artifacts.h"
#include "db/db.h"
#include "net/router.h"
#include "os/clock.h"

namespace tatara::api {

// Who is behind the routes; all outlive them.
struct MlflowContext {
  db::Database& database;
  artifacts::Store& artifacts;
  const os::Clock& clock;
  std::function<void()> alias_moved;  // who serves an alias looks again; may be empty
};

// All routes of the dialect, also /health and /version.
std::vector<net::Route> MlflowRoutes(MlflowContext context);

}  // namespace tatara::api
