// The door of release: what follows a pipeline's last stage, each step once however often the
// server dies in between.
//
//   REGISTER  the run that a file names: its newest logged model becomes the next version
//   GATE      against the alias's present version on the same rows; the first model has a
//             condition over its run's metrics instead
//   PROMOTE   the alias moves, if the gate says so; a challenger that is kept back is a success
//
// Invariants
//  1. A release row belongs to one pipeline run; its version is registered in the transaction that
//     stores the number in the row.
//  2. Verdict, alias and their events are one transaction; the alias moves by compare-and-set, and
//     a champion that changed meanwhile makes the gate run again.
//  3. A model file that does not load is refused at REGISTER: nothing is registered, the run fails.
// Threads: the planner on the control thread; reading models and gating on the work pool.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "artifacts/artifacts.h"
#include "base/json.h"
#include "base/yaml.h"
#include "control/control.h"
#include "db/db.h"
#include "pipelines/pipelines.h"

namespace tatara::os {
class WorkPool;
}

namespace tatara::release {

struct GateSpec {
  std::string data, label, metric, group;  // data: relative to the pipeline's folder
  std::string first;                       // condition for the first model; empty: it passes
  int64_t resamples = 2000;
  int64_t seed = 7;
  double confidence = 0.95;
  int64_t min_rows = 30;
  int64_t min_groups = 5;
};

struct ReleaseSpec {
  std::string model;  // the registered model
  std::string run;    // file, relative to the pipeline's folder, that holds the MLflow run's id
  std::optional<GateSpec> gate;
  std::string promote;  // the alias; empty: none moves
};

// The keys register, gate and promote of a pipeline in tatara.yaml (already taken out of its map by
// the caller); nothing when none of them is there.
Result<std::optional<ReleaseSpec>> ParseRelease(const Yaml* register_node, const Yaml* gate_node,
                                                const Yaml* promote_node);
Json ToJson(const ReleaseSpec& spec);
Result<ReleaseSpec> FromJson(const Json& json);

struct Options {
  std::function<void()> wake;
  // Only releases of runs that this accepts make progress; null: all.
  std::function<bool(const PipelineRunId&)> may_run;
  // Every endpoint that follows the alias has acted upon its last move: a run that promoted ends
  // then. Null: nothing deploys here (a command owns the home), the run ends at once.
  std::function<bool(const std::string& model, const std::string& alias)> deployed;
};

class Release : public control::Planner {
 public:
  Release(db::Database& database, const os::Clock& clock, pipelines::Pipelines& pipelines,
          artifacts::Store& artifacts, os::WorkPool& pool, Options options);
  ~Release() override;

  std::string_view name() const override { return "release"; }
  void Tick(const control::Moment& moment) override;
  std::optional<Time> NextDue() override { return std::nullopt; }
  bool Busy() override { return false; }  // its pipeline run is not finished, and says so
  std::optional<os::Monotonic> NextPoll() override { return look_again_; }

 private:
  struct Outcome;  // what a step on the work pool found
  struct Work;     // the steps, on the work pool

  void StartWork(const pipelines::Run& run);
  // Ends the run if its verdict is recorded and carried out; says whether there was a verdict.
  Result<bool> FinishJudged(const pipelines::Run& run);
  void Record(const Outcome& outcome, Time now);
  Status RecordVersion(db::Tx& tx, const Outcome& outcome, Time now);
  Status RecordVerdict(db::Tx& tx, const Outcome& outcome, Time now);
  static Status RecordNothingNew(db::Tx& tx, const Outcome& outcome);
  static Status TagRun(db::Tx& tx, const Outcome& outcome, const Json& detail);

  db::Database& database_;
  const os::Clock& clock_;
  pipelines::Pipelines& pipelines_;
  artifacts::Store& artifacts_;
  os::WorkPool& pool_;
  const Options options_;

  // Control thread only: set while a promotion waits for endpoints, which tell nobody.
  std::optional<os::Monotonic> look_again_;

  std::mutex mutex_;                    // guards what follows
  std::vector<Outcome> outcomes_;       // inputs, from the work pool
  std::map<PipelineRunId, bool> busy_;  // runs whose step is under way
};

}  // namespace tatara::release
