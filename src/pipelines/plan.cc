#include "pipelines/plan.h"

#include <algorithm>
#include <limits>

namespace tatara::pipelines {
namespace {

constexpr std::pair<StageState, std::string_view> kNames[] = {
    {StageState::kPending, "PENDING"}, {StageState::kRunning, "RUNNING"},
    {StageState::kMade, "RUNNING"},    {StageState::kSkipped, "SKIPPED"},
    {StageState::kCached, "CACHED"},   {StageState::kSucceeded, "SUCCEEDED"},
    {StageState::kFailed, "FAILED"},   {StageState::kCancelled, "CANCELLED"},
    {StageState::kBlocked, "BLOCKED"},
};

bool EndedBadly(StageState state) { return IsFinal(state) && !EndedWell(state); }

}  // namespace

std::string_view StageStateName(StageState state) {
  for (const auto& [known, name] : kNames) {
    if (known == state) return name;
  }
  return "";
}

std::optional<StageState> StageStateFromName(std::string_view name) {
  for (const auto& [state, known] : kNames) {
    if (known == name) return state;
  }
  return {};
}

Plan PlanRun(const Snapshot& snapshot) {
  Plan plan;
  const auto& stages = snapshot.stages;
  std::vector<StageState> states;
  for (const PlannedStage& stage : stages) states.push_back(stage.state);
  const auto failed = std::ranges::find_if(stages, [](const PlannedStage& stage) {
    return stage.state == StageState::kFailed || stage.state == StageState::kCancelled;
  });
  const bool stopping = failed != stages.end() && !snapshot.keep_going;
  size_t running = 0;
  // Stages stand in order: what blocks one has been decided before.
  for (size_t i = 0; i < stages.size(); ++i) {
    if (states[i] == StageState::kRunning) ++running;
    if (states[i] == StageState::kMade) plan.record.push_back(i);
    if (states[i] != StageState::kPending) continue;
    if (snapshot.cancelled) {
      plan.cancel.push_back(i);
      states[i] = StageState::kCancelled;
      continue;
    }
    const auto bad = std::ranges::find_if(stages[i].needs,
                                          [&](size_t need) { return EndedBadly(states[need]); });
    if (bad != stages[i].needs.end() || stopping) {
      const std::string& by = bad != stages[i].needs.end() ? stages[*bad].name : failed->name;
      plan.block.emplace_back(i, "'" + by + "' did not succeed");
      states[i] = StageState::kBlocked;
      continue;
    }
    const bool ready =
        std::ranges::all_of(stages[i].needs, [&](size_t need) { return EndedWell(states[need]); });
    if (ready) plan.check.push_back(i);
  }
  plan.may_run = snapshot.jobs_max == 0        ? std::numeric_limits<size_t>::max()
                 : running < snapshot.jobs_max ? snapshot.jobs_max - running
                                               : 0;
  if (plan.may_run == 0) plan.check.clear();
  plan.finished = std::ranges::all_of(states, IsFinal);
  return plan;
}

}  // namespace tatara::pipelines
