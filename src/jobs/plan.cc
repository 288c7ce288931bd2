#include "jobs/plan.h"

#include <algorithm>

#include "base/strings.h"

namespace tatara::jobs {
namespace {

struct Room {
  double cpus = 0;
  int64_t memory = 0;
};

bool Holds(const PlannedJob& job) {
  return job.state == State::kStarting || job.state == State::kRunning;
}

std::map<std::string, Room> FreeRoom(const Snapshot& snapshot) {
  std::map<std::string, Room> free;
  for (const auto& [name, limits] : snapshot.queues) free[name] = {limits.cpus, limits.memory};
  for (const PlannedJob& job : snapshot.jobs) {
    if (!Holds(job)) continue;
    Room& room = free[job.queue];
    room.cpus -= job.cpus;
    room.memory -= job.memory;
  }
  return free;
}

bool Fits(const PlannedJob& job, const Room& room) {
  constexpr double kSlack = 1e-9;  // sums of 0.1 cpus
  return job.cpus <= room.cpus + kSlack && job.memory <= room.memory;
}

// Empty when the queue could ever run the job.
std::string NeverFits(const PlannedJob& job, const Snapshot& snapshot) {
  const auto queue = snapshot.queues.find(job.queue);
  if (queue == snapshot.queues.end()) return "queue '" + job.queue + "' does not exist";
  if (Fits(job, {queue->second.cpus, queue->second.memory})) return {};
  return "it asks for " + FormatDouble(job.cpus) + " cpus and " + std::to_string(job.memory) +
         " bytes; queue '" + job.queue + "' has " + FormatDouble(queue->second.cpus) +
         " cpus and " + std::to_string(queue->second.memory) + " bytes in all";
}

// Moves before a start: dependencies and cancellations. Says whether the job may start.
bool Settle(const PlannedJob& job, const Snapshot& snapshot, std::vector<Action>& actions) {
  if (job.cancel) {
    if (!Holds(job))
      actions.push_back({Action::Kind::kCancel, job.id, "cancelled"});
    else if (!job.stop_sent)
      actions.push_back({Action::Kind::kStop, job.id, ""});
    return false;
  }
  if (Holds(job)) return false;
  if (!job.needs_broken.empty()) {
    if (job.state == State::kSubmitted) actions.push_back({Action::Kind::kMakePending, job.id, ""});
    actions.push_back({Action::Kind::kFail, job.id,
                       "job " + job.needs_broken.front().value +
                           ", which it waits for, did not "
                           "succeed"});
    return false;
  }
  if (!job.needs_open.empty()) {
    if (job.state == State::kSubmitted) actions.push_back({Action::Kind::kMakePending, job.id, ""});
    return false;
  }
  if (std::string never = NeverFits(job, snapshot); !never.empty()) {
    if (job.state != State::kRunnable) actions.push_back({Action::Kind::kMakeRunnable, job.id, ""});
    actions.push_back({Action::Kind::kFail, job.id, std::move(never)});
    return false;
  }
  if (job.state != State::kRunnable) actions.push_back({Action::Kind::kMakeRunnable, job.id, ""});
  return snapshot.starting_allowed;
}

std::vector<const PlannedJob*> InOrder(std::vector<const PlannedJob*> jobs) {
  std::ranges::sort(jobs, [](const PlannedJob* a, const PlannedJob* b) {
    return a->priority != b->priority ? a->priority > b->priority : a->sequence < b->sequence;
  });
  return jobs;
}

}  // namespace

std::vector<Action> Plan(const Snapshot& snapshot) {
  std::vector<Action> actions;
  std::vector<const PlannedJob*> candidates;
  for (const PlannedJob& job : snapshot.jobs) {
    if (Settle(job, snapshot, actions)) candidates.push_back(&job);
  }
  std::map<std::string, Room> free = FreeRoom(snapshot);
  std::map<std::string, std::vector<const PlannedJob*>> passed;  // by queue, not fitting now
  std::map<std::string, bool> blocked;
  for (const PlannedJob* job : InOrder(std::move(candidates))) {
    if (blocked[job->queue]) continue;
    Room& room = free[job->queue];
    if (!Fits(*job, room)) {
      if (job->passes >= kPassesMax) blocked[job->queue] = true;
      passed[job->queue].push_back(job);
      continue;
    }
    room.cpus -= job->cpus;
    room.memory -= job->memory;
    actions.push_back({Action::Kind::kStart, job->id, ""});
    for (const PlannedJob* waiting : passed[job->queue]) {
      actions.push_back({Action::Kind::kPass, waiting->id, ""});
    }
  }
  return actions;
}

std::string WhyWaiting(const Snapshot& snapshot, const JobId& id) {
  const auto found = std::ranges::find(snapshot.jobs, id, &PlannedJob::id);
  if (found == snapshot.jobs.end()) return "no server runs here that could tell";
  const PlannedJob& job = *found;
  if (Holds(job)) return job.cancel ? "it is being cancelled" : "it runs";
  if (job.cancel) return "it is being cancelled";
  if (!job.needs_open.empty()) {
    std::string list;
    for (const JobId& need : job.needs_open) list += (list.empty() ? "" : ", ") + need.value;
    return "it waits for " + list;
  }
  if (!snapshot.starting_allowed) return "no server runs: `tatara up` starts it";
  if (std::string never = NeverFits(job, snapshot); !never.empty()) return never;
  const Room room = FreeRoom(snapshot)[job.queue];
  if (!Fits(job, room)) {
    return "it waits for room in queue '" + job.queue + "': it asks for " + FormatDouble(job.cpus) +
           " cpus and " + std::to_string(job.memory) + " bytes; " +
           FormatDouble(std::max(0.0, room.cpus)) + " cpus and " +
           std::to_string(std::max<int64_t>(0, room.memory)) + " bytes are free";
  }
  return "it is about to start";
}

}  // namespace tatara::jobs
