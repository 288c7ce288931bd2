// Which jobs may start now: a pure decision over a snapshot, tested by tables.
//
// Rules
//  1. A job is RUNNABLE once all that it needs succeeded; if one of them ended otherwise it fails.
//  2. RUNNABLE jobs start in order of priority (greater first), then of submission.
//  3. A job starts when its queue has cpus and memory left. One that does not fit now waits, and
//     smaller ones behind it may pass, but not for ever: once it has been passed `kPassesMax`
//     times nothing of its queue starts before it.
//  4. A job that asks for more than its queue has in all fails at once, and says so.
//  5. A job whose cancellation was asked for never starts.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/id.h"
#include "jobs/state.h"

namespace tatara::jobs {

struct QueueLimits {
  double cpus = 1;
  int64_t memory = 0;  // bytes of the machine
};

struct PlannedJob {
  JobId id;
  State state = State::kSubmitted;
  std::string queue;
  int64_t priority = 0;
  int64_t sequence = 0;
  double cpus = 1;
  int64_t memory = 0;
  bool cancel = false;
  bool stop_sent = false;
  int passes = 0;                   // how often a later job started before it
  std::vector<JobId> needs_open;    // needed jobs that have not ended
  std::vector<JobId> needs_broken;  // needed jobs that ended without success
};

struct Snapshot {
  std::vector<PlannedJob> jobs;  // all that have not ended
  std::map<std::string, QueueLimits> queues;
  bool starting_allowed = true;  // false: an owner runs only what it started
};

struct Action {
  enum class Kind { kMakePending, kMakeRunnable, kStart, kStop, kCancel, kFail, kPass };
  Kind kind;
  JobId job;
  std::string reason;  // kFail
};

constexpr int kPassesMax = 20;

std::vector<Action> Plan(const Snapshot& snapshot);

// Why a job is not running, for people: "waits for j-1", "waits for 2 cpus; 1 is free".
std::string WhyWaiting(const Snapshot& snapshot, const JobId& job);

}  // namespace tatara::jobs
