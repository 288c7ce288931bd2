// The whole system: App owns every part, in order of dependency, and is the only place that knows
// them all. Read the members from top to bottom to see what Tatara is made of.
//
// Threads: net 1, work N, control 1, job-watch 1. Open, Start and Stop are for the
// thread that owns the App; Dispatch may be called from any.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "base/time.h"
#include "jobs/engine.h"
#include "net/net.h"

namespace tatara::app {

enum class Mode {
  kServer,    // `tatara up`: everything runs
  kOwner,     // a command that owns the home: serves, but runs only what it started
  kReadOnly,  // no lock, nothing started, no clock moved; routes are called in the process
};

struct AppOptions {
  std::string home;
  Mode mode = Mode::kServer;
  std::string command = "up";  // what the server record says
  std::string host = "127.0.0.1";
  std::optional<int> port;          // nothing: the home's last port if free, else 7700 or any
  bool insecure = false;            // allow another address than loopback
  std::string artifacts;            // another folder for artifacts
  std::optional<Time> replay_from;  // server on replay time
};

class App {
 public:
  // Takes the home's lock (unless read-only), opens the database, recovers what ran.
  static Result<std::unique_ptr<App>> Open(AppOptions options);
  ~App();

  // Begins to serve and to act. Not in read-only mode.
  Status Start();
  // Drains and ends within the deadline; jobs go on. Idempotent.
  void Stop(std::chrono::milliseconds deadline = std::chrono::seconds(8));

  std::string url() const;
  // Calls a route in this process, without a socket.
  net::Response Dispatch(net::Request request);
  // True once a client has asked the server to end (`tatara down`).
  bool stop_requested() const;
  // An owner runs the jobs and pipeline runs that it names here, and nothing else.
  void AllowJob(const std::string& id);
  void AllowPipelineRun(const std::string& id);
  // Blocks until nothing of the platform's own is under way.
  void Settle();

 private:
  struct Parts;
  explicit App(AppOptions options);

  Status OpenHome();
  Status OpenClock();
  Status MakeParts();
  void MakeJobs();
  void MakeServing();
  void MakeWatchers();
  void AddRoutes();
  void AddServingRoutes();
  void AddPlanners();
  void AfterApply();
  Result<int64_t> CancelAll();
  std::function<void()> Waker() const;
  Status StartServer();
  Status RecoverWork();
  void AddJobEnvironment(const jobs::AttemptKey& key, const std::string& owner,
                         os::Environment& environment) const;

  AppOptions options_;
  std::unique_ptr<Parts> parts_;
};

}  // namespace tatara::app
