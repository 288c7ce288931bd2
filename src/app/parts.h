// What App is made of, in order of dependency: each member uses only those above it, and they end
// in reverse. Private to app/.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <set>
#include <string>

#include "app/app.h"
#include "app/home.h"
#include "app/meter.h"
#include "app/targets.h"
#include "artifacts/artifacts.h"
#include "auth/auth.h"
#include "control/control.h"
#include "db/db.h"
#include "events/events.h"
#include "jobs/engines/process/process_engine.h"
#include "jobs/jobs.h"
#include "monitor/monitor.h"
#include "os/os.h"
#include "pipelines/pipelines.h"
#include "release/release.h"
#include "serving/serving.h"
#include "telemetry/telemetry.h"

namespace tatara::app {

// What a command that owns the home has started, and so may run.
class AllowList {
 public:
  void Add(const std::string& id) {
    std::lock_guard lock(mutex_);
    ids_.insert(id);
  }
  bool Has(const std::string& id) const {
    std::lock_guard lock(mutex_);
    return ids_.contains(id);
  }

 private:
  mutable std::mutex mutex_;
  std::set<std::string> ids_;
};

// Writes a replay clock's position into the home, so that it stands there when opened again.
class ClockKeeper : public control::Planner {
 public:
  ClockKeeper(db::Database& database, const os::ManualClock* clock)
      : database_(database), clock_(clock) {}
  std::string_view name() const override { return "clock"; }
  void Tick(const control::Moment&) override { Save(); }
  std::optional<Time> NextDue() override { return std::nullopt; }
  bool Busy() override { return false; }
  void Save();

 private:
  db::Database& database_;
  const os::ManualClock* const clock_;  // null on real time
  Time saved_ = Time::min();
};

struct App::Parts {
  os::FileLock lock;
  std::unique_ptr<db::Database> database;
  std::unique_ptr<os::ManualClock> replay;  // null on real time
  os::RealClock real_clock;
  std::unique_ptr<auth::AttemptTokens> tokens;
  std::unique_ptr<artifacts::Store> artifacts;
  std::unique_ptr<os::WorkPool> pool;
  std::unique_ptr<control::Control> control;
  std::unique_ptr<jobs::ProcessEngine> process_engine;
  std::unique_ptr<jobs::Jobs> jobs;
  std::unique_ptr<pipelines::Pipelines> pipelines;
  std::unique_ptr<serving::Serving> serving;
  std::unique_ptr<release::Release> release;
  std::unique_ptr<telemetry::Alarms> alarms;
  std::unique_ptr<monitor::Monitor> monitor;
  std::unique_ptr<PipelineTarget> pipeline_target;
  std::unique_ptr<events::Notices> notices;
  std::unique_ptr<events::Rules> rules;
  telemetry::Metrics metrics;
  std::unique_ptr<EndpointMeter> meter;
  std::unique_ptr<ClockKeeper> clock_keeper;
  net::Router router;
  std::unique_ptr<net::HttpServer> server;

  AllowList allowed;
  std::string url;  // set by Start, before anything runs
  std::atomic<bool> stop_requested{false};
  bool started = false;

  const os::Clock& clock() const {
    return replay ? static_cast<const os::Clock&>(*replay) : real_clock;
  }
};

}  // namespace tatara::app
