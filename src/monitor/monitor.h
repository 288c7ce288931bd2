// The door of monitor: is what an endpoint is asked still what its model was trained on, and are
// its answers still right?
//
// A monitor cuts an endpoint's captured traffic into windows (local days by default). When a window
// has closed, its drift, missing shares and `expect` rules are judged; when `truth.wait` more has
// passed, its model quality. Each figure is one point of a series, stamped with the window's start;
// a breach of an `expect` rule is an event of its own (data_fault): a data fault is not drift.
//
// Invariants
//  1. A window is closed once, judged once, in order; a repeat after a crash writes the same points
//     (their source is the window).
//  2. Quality is judged from the truths that have come by then, never again; with too few there is
//     no point.
//  3. The baseline is the training rows of the version that answered last in the window.
//  4. Events: source "tatara.monitor", subject the endpoint; types data_fault {endpoint, rule,
//     feature, value, window}, window_closed, quality_judged, monitor_problem.
// Owner: App. Threads: the planner on the control thread, judging on the work pool.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "artifacts/artifacts.h"
#include "control/control.h"
#include "db/db.h"
#include "monitor/judge.h"
#include "monitor/series.h"
#include "monitor/spec.h"
#include "monitor/window.h"
#include "serving/serving.h"

namespace tatara::os {
class WorkPool;
}

namespace tatara::monitor {

struct MonitorStatus {
  MonitorSpec spec;
  std::string project;
  Time next_start{};  // the first window that is not closed yet
};
Json ToJson(const MonitorStatus& status);

class Monitor : public control::Planner {
 public:
  Monitor(db::Database& database, serving::Serving& serving, artifacts::Store& artifacts,
          os::WorkPool& pool, std::function<void()> wake);
  ~Monitor() override;

  // Makes the monitors of a project exactly these; a new one begins with the window that holds
  // `now`, a changed one goes on where it was. kConflict: a name of another project.
  static Status Set(db::Tx& tx, const std::string& project, const std::vector<MonitorSpec>& specs,
                    Time now);
  static Result<std::vector<MonitorStatus>> List(db::Reader& reader);

  std::string_view name() const override { return "monitor"; }
  void Tick(const control::Moment& moment) override;
  std::optional<Time> NextDue() override;
  bool Busy() override;

 private:
  // One thing to do: close a window, or judge its quality.
  struct Task {
    MonitorSpec spec;
    Window window;
    Time due{};
    bool quality = false;
  };
  struct Outcome;

  Result<std::optional<Task>> NextTask();
  void StartTask(const Task& task);
  Outcome Work(const Task& task);
  std::shared_ptr<const Baseline> BaselineOf(const MonitorSpec& spec, const std::string& version);
  Result<std::shared_ptr<const Baseline>> LoadBaseline(const MonitorSpec& spec,
                                                       const std::string& version);
  void Record(const Outcome& outcome, Time now);
  static Status RecordWindow(db::Tx& tx, const Outcome& outcome, Time now);
  static Status RecordQuality(db::Tx& tx, const Outcome& outcome, Time now);
  static Status RecordProblem(db::Tx& tx, const Outcome& outcome, const std::string& message,
                              Time now);
  static Status PutFigures(db::Tx& tx, const Outcome& outcome, const std::vector<Figure>& figures,
                           const EventId& cause);

  db::Database& database_;
  serving::Serving& serving_;
  artifacts::Store& artifacts_;
  os::WorkPool& pool_;
  const std::function<void()> wake_;

  std::optional<Time> next_due_;  // control thread only

  std::mutex mutex_;                  // guards what follows
  std::unique_ptr<Outcome> outcome_;  // an input, from the work pool
  bool working_ = false;
  // Of the work pool's one task at a time. Shared with the task that looks at it.
  std::map<std::string, std::shared_ptr<const Baseline>> baselines_;
};

}  // namespace tatara::monitor
