// One visit of the work pool for a run: records what jobs made, looks which stages changed.
//
// Stages that become ready by what is found are looked at, too, so that a long chain in which
// nothing changed takes one visit. dvc.lock is whole when it returns (on the disk: unsynced.h). May
// be repeated after a crash at any point.
#pragma once

#include <memory>
#include <vector>

#include "os/clock.h"
#include "pipelines/plan.h"
#include "pipelines/work.h"

namespace tatara::pipelines {

// What was found out about a stage.
struct Outcome {
  size_t place = 0;
  bool recorded = false;  // of a job that succeeded; else of a check
  Verdict verdict;
};

struct Visit {
  std::shared_ptr<const Project> project;
  std::shared_ptr<Locks> locks;
  std::vector<size_t> project_places;      // of each stage of the run
  std::vector<std::vector<size_t>> needs;  // places in the run
  std::vector<StageState> states;
  std::vector<size_t> record, check;
  size_t may_run = 0;
  bool force = false, force_downstream = false, keep_going = false, run_cache = true;
};

std::vector<Outcome> CarryOut(Visit visit, Digests& digests);

}  // namespace tatara::pipelines
