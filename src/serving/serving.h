// The door of serving: endpoints, their live versions, the batcher, and what they were asked.
//
// Invariants
//  1. An endpoint belongs to one registered model or to files; version N of it is version N of the
//     model, or the N-th file.
//  2. A new version is loaded and tried before it goes live, and what was live stays when that
//     fails. A request is answered by one version, which the answer names; it finishes there.
//  3. What is live follows from the rows (`endpoints`, `deployments`, the registry's aliases)
//  alone:
//     each alias_set event is acted upon once, also across a crash.
//  4. The newest `keep_versions` deployments stay loaded and addressable.
//  5. Every deploy, failed ones too, is an event: source "tatara.deploy", subject = the endpoint,
//     types deployed, deploy_failed, endpoint_created, endpoint_changed, endpoint_deleted; detail
//     {endpoint, model, version, model_version, uri, reason}; cause = the alias's event.
//  6. Captured rows and truths: see capture/capture.h.
//
// Threads: Tick, NextDue and Busy on the control thread; Deploy on a work thread; Find, Submit and
// the rest on any. Loading runs on the work pool, quick models on the net thread (`after_wake_up`),
// slow ones on infer threads of our own.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "artifacts/artifacts.h"
#include "control/control.h"
#include "db/db.h"
#include "serving/call.h"
#include "serving/capture/capture.h"
#include "serving/capture/view.h"
#include "serving/endpoint.h"
#include "serving/spec.h"

namespace tatara::os {
class WorkPool;
}

namespace tatara::serving {

struct Options {
  std::string home;            // captured rows lie in HOME/capture
  std::function<void()> wake;  // Control::Wake
  // net::HttpServer::AfterWakeUp, or empty: a call then runs at once.
  std::function<void(std::function<void()>)> after_wake_up;
  size_t infer_threads = 1;
};

// An endpoint as people see it.
struct EndpointStatus {
  std::string name;
  std::string state;                  // READY, WAITING, LOADING, FAILED
  std::string reason;                 // why it is not READY, or why the last deploy failed
  std::string uri;                    // what it follows, or what was deployed last
  std::string version;                // the default; empty: none
  std::vector<std::string> versions;  // addressable, the default first
  double sample = 100;
  std::string project;
  CaptureHealth capture;  // while the server runs
};
Json ToJson(const EndpointStatus& status);

struct DeployRequest {
  std::string endpoint;
  std::string uri;   // models:/NAME/N, models:/NAME@ALIAS; for a file its name
  std::string path;  // for a file: where it lies in the artifact store
};
struct Deployed {
  std::string endpoint, uri, version;
  EventId event;
};

class Serving : public control::Planner {
 public:
  Serving(db::Database& database, artifacts::Store& artifacts, const os::Clock& clock,
          os::WorkPool& pool, Options options);
  ~Serving() override;

  // Reads the journals, loads each endpoint's default version and begins to write what is captured.
  // Before anything else.
  Status Recover();
  // Ends the infer and capture threads; what was captured is on the disk then. Idempotent.
  void Stop();

  // --- What shall be (in the caller's transaction; Control::Wake afterwards) ---
  // Makes the endpoints of a project these: new ones are made, changed ones changed, those that are
  // no longer listed removed. kConflict: a name that belongs to another project, or an endpoint
  // that would change its registered model.
  static Status SetEndpoints(db::Tx& tx, std::string_view project,
                             const std::vector<EndpointSpec>& wanted, Time now);
  static Result<std::vector<EndpointSpec>> EndpointsOf(db::Reader& reader,
                                                       std::string_view project);
  // Loads, tries, records and publishes; returns when the version answers. kInvalid and the event
  // deploy_failed when the model does not load; kConflict when the endpoint belongs to another
  // model. Makes the endpoint if it is not there.
  Result<Deployed> Deploy(const DeployRequest& request);

  // A fresh id for a request that brought none.
  std::string NewInferenceId();

  // --- What is ---
  // kNotFound names the endpoint.
  Result<std::shared_ptr<Endpoint>> Find(std::string_view name) const;
  std::vector<std::shared_ptr<Endpoint>> Endpoints() const;
  Result<std::vector<EndpointStatus>> List() const;
  // From the rows alone: for homes that are opened for reading.
  static Result<std::vector<EndpointStatus>> ListRows(db::Reader& reader);
  // Nothing is being loaded, and every alias's last move has been acted upon.
  bool Settled();
  // The same for the endpoints that follow this alias; true when none does.
  bool IsDeployed(std::string_view model, std::string_view alias);

  // Queues a call. All calls of one wake-up and one version share a run.
  void Submit(Call call);
  // kExhausted when so much waits that more would be suffered; ask before a body is parsed.
  Status CheckLoad() const;

  // --- What was asked ---
  // The rows with from <= event_time < to: inference_id, event_time, model_version, the inputs by
  // name (kDouble or kText), prediction, truth; in order of arrival. What was captured until now is
  // on the disk afterwards.
  Result<sql::Table> Window(std::string_view endpoint, Time from, Time to);
  // What SQL sees is complete afterwards.
  Status FlushCapture();

  std::string_view name() const override { return "serving"; }
  void Tick(const control::Moment& moment) override;
  std::optional<Time> NextDue() override { return std::nullopt; }
  bool Busy() override;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tatara::serving
