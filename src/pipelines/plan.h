// What a run does next: a pure decision over a snapshot, tested by tables.
//
//   PENDING -> SKIPPED (nothing changed) | CACHED (outputs from the cache)
//           -> RUNNING (its job) -> SUCCEEDED (recorded in dvc.lock) | FAILED | CANCELLED
//           -> BLOCKED (one that it needs, or the run, failed)
//
// Rules
//  1. A stage is looked at once all that it needs ended well.
//  2. After a failure nothing new begins, unless keep_going: then only what needs the failed one
//     is blocked. Stages that run go on.
//  3. A cancelled run begins nothing; it ends once its jobs have.
//  4. At most `jobs_max` stages run at once (0: as many as the queues hold).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tatara::pipelines {

enum class StageState {
  kPending,
  kRunning,  // its job is submitted
  kMade,     // its job succeeded; what it made is not recorded yet (shown as RUNNING)
  kSkipped,
  kCached,
  kSucceeded,
  kFailed,
  kCancelled,
  kBlocked,
};

constexpr bool EndedWell(StageState state) {
  return state == StageState::kSkipped || state == StageState::kCached ||
         state == StageState::kSucceeded;
}
constexpr bool IsFinal(StageState state) { return state >= StageState::kSkipped; }
std::string_view StageStateName(StageState state);
std::optional<StageState> StageStateFromName(std::string_view name);

struct PlannedStage {
  std::string name;
  StageState state = StageState::kPending;
  std::vector<size_t> needs;  // places in the snapshot
};

struct Snapshot {
  std::vector<PlannedStage> stages;
  bool keep_going = false;
  bool cancelled = false;
  size_t jobs_max = 0;
};

struct Plan {
  std::vector<size_t> record;  // kMade: record what they made
  std::vector<size_t> check;   // kPending: look whether they changed, and prepare their runs
  size_t may_run = 0;          // how many more may begin to run
  std::vector<std::pair<size_t, std::string>> block;  // with the reason
  std::vector<size_t> cancel;                         // kPending ones of a cancelled run
  bool finished = false;                              // every stage is final after this plan
};
Plan PlanRun(const Snapshot& snapshot);

}  // namespace tatara::pipelines
