// The rows of serving. Mutators append their events in the same transaction.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "db/db.h"
#include "serving/plan.h"
#include "serving/spec.h"

namespace tatara::serving {

Result<std::vector<EndpointRow>> LoadEndpoints(db::Reader& reader);
Result<std::optional<EndpointRow>> FindEndpoint(db::Reader& reader, std::string_view name);
Result<std::vector<DeploymentRow>> LoadDeployments(db::Reader& reader);
// Endpoints, deployments and the aliases that are followed.
Result<Snapshot> LoadSnapshot(db::Reader& reader);

// A new row with its endpoint_created event, or the changed one with endpoint_changed.
Status PutEndpoint(db::Tx& tx, EndpointRow row, bool is_new, Time now);
Status RemoveEndpoint(db::Tx& tx, const EndpointRow& row, Time now);

struct NewDeployment {
  std::string endpoint;
  std::string model;    // empty: a file
  int64_t version = 0;  // 0: the next number (files)
  std::string uri, path;
  std::vector<std::string> signature;
  std::string mark;  // what the endpoint's `handled` becomes; empty: it stays
  EventId cause;
};
struct Recorded {
  int64_t version = 0;
  EventId event;
};
// The version is READY and the default; versions beyond keep_versions are RETIRED.
Result<Recorded> RecordDeployed(db::Tx& tx, const NewDeployment& deployment, Time now);
// What was live stays. A version that is READY stays so.
Status RecordFailed(db::Tx& tx, const NewDeployment& deployment, const std::string& reason,
                    Time now);
// A READY version that could not be loaded after a restart.
Status MarkFailed(db::Tx& tx, const DeploymentRow& row, const std::string& reason, Time now);
Status MarkHandled(db::Tx& tx, std::string_view endpoint, std::string_view mark);

}  // namespace tatara::serving
