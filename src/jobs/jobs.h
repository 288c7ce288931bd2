// The door of jobs: a durable queue of commands, and what became of them.
//
// Promises
//  1. A submitted job is durable once Submit's transaction commits. It runs at most once per
//     attempt: an attempt is claimed by its runner before the command starts.
//  2. A cancel is durable once Cancel's transaction commits, and final: the job ends CANCELLED.
//  3. Attempts survive the server's death and are found again by Recover; one that vanished
//     without a record is LOST, never a success.
//  4. Every change of state is an event (source tatara.jobs, subject the job's id).
// Owner: App. Threads: the planner half (Tick, ...) runs on the control thread; Submit and Cancel
// inside any write transaction; the rest from any thread.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/id.h"
#include "base/json.h"
#include "control/control.h"
#include "db/db.h"
#include "jobs/engine.h"
#include "jobs/plan.h"
#include "jobs/state.h"
#include "os/process.h"

namespace tatara::os {
class WorkPool;
}

namespace tatara::jobs {

struct JobSpec {
  std::string name;  // empty: the command's first word
  std::string queue = "local";
  std::vector<std::string> argv;
  std::string folder;           // absolute
  os::Environment environment;  // the submitter's; ours is added at the start
  double cpus = 1;
  int64_t memory = 0;  // bytes, 0: no limit
  int64_t priority = 0;
  int64_t retries = 0;
  Duration timeout{0};  // 0: none
  std::vector<JobId> after;
  std::string owner;  // empty: a person; else the pipeline run's id
  EventId cause;
};

struct Attempt {
  int number = 0;
  State state = State::kStarting;
  std::optional<int64_t> exit_code;
  Time started{};
  std::optional<Time> ended;
  std::string reason;
  std::optional<int64_t> peak_memory;
  std::optional<double> cpu_seconds;
};

struct Job {
  JobId id;
  std::string name, queue, owner, folder;
  std::vector<std::string> argv;
  State state = State::kSubmitted;
  std::optional<int64_t> exit_code;
  std::string reason;
  int64_t priority = 0;
  double cpus = 1;
  int64_t memory = 0;
  int64_t retries = 0;
  Duration timeout{0};
  Time submitted{};
  std::optional<Time> ended;
  std::vector<JobId> after;
  std::vector<Attempt> attempts;
};

// The public form (product.md, What scripts may rely on).
Json ToJson(const Job& job);

struct JobFilter {
  std::string owner;  // only of this pipeline run
  bool unfinished = false;
  int64_t limit = 0;  // newest; 0: all
};

struct Options {
  std::map<std::string, QueueLimits> queues;
  // Variables that every attempt gets beside the submitter's (our address, its token, PATH).
  std::function<void(const AttemptKey&, const std::string& owner, os::Environment&)> environment;
  // Only jobs that this accepts are started (an owner that is no server runs what it started
  // itself); null: all.
  std::function<bool(const JobId&, const std::string& owner)> may_start;
  std::function<void()> wake;  // Control::Wake
  // How long news that nothing waits for waits for a write that takes it along.
  std::chrono::milliseconds write_within{20};
};

class Jobs : public control::Planner {
 public:
  Jobs(db::Database& database, const os::Clock& clock, Engine& engine, os::WorkPool& pool,
       Options options);
  ~Jobs() override;

  // Loads what has not ended and asks the engine for it. `moved`: the home is a copy; unfinished
  // jobs become LOST and no process is touched. Before Control::Start.
  Status Recover(bool moved);

  // Inside a write transaction; call Control::Wake after the commit.
  Result<JobId> Submit(db::Tx& tx, const JobSpec& spec);
  // kConflict when it has ended, kNotFound when there is none.
  Status Cancel(db::Tx& tx, const JobId& id);

  static Result<Job> Get(db::Reader& reader, const JobId& id);
  static Result<std::vector<Job>> List(db::Reader& reader, const JobFilter& filter);

  // Files of the attempts' output so far, in order; the last one may not exist yet.
  std::vector<std::string> LogPaths(const Job& job) const;
  std::string WhyWaiting(const JobId& id) const;
  // `queues:` of the applied project; "local" always exists.
  void SetQueues(std::map<std::string, QueueLimits> queues);
  using EndedFn = std::function<void(const JobId&, State, const std::string& reason)>;
  // Called on the control thread as soon as a job's end is known, and once more after the commit
  // that recorded it: the same call twice must do no more than once. Before the first Tick.
  void OnEnded(EndedFn callback);

  // For a planner that submits jobs in a write transaction of the control thread: records in the
  // same transaction what this one still has to record, and starts what can start, so that a whole
  // step takes one commit. `Committed` must follow, with whether the transaction was committed.
  Status TickIn(db::Tx& tx, Time now);
  void Committed(bool written);

  std::string_view name() const override { return "jobs"; }
  void Tick(const control::Moment& moment) override;
  std::optional<Time> NextDue() override { return std::nullopt; }
  bool Busy() override { return false; }  // pipelines say which of their jobs a replay waits for
  std::optional<os::Monotonic> NextPoll() override;

 private:
  struct Entry;   // a job that has not ended, in memory
  struct Change;  // one move of one job, to be written

  Status LoadNew(db::Reader& reader);
  Status LoadChanges(db::Reader& reader);  // new jobs and cancels
  void Step();  // takes what the engine saw and plans; the moves go to `unsaved_`
  void SendStops();
  bool MayWait();
  Status WriteAll(db::Tx& tx, const std::vector<Change>& changes, Time now);
  Status LoadEntry(db::Reader& reader, const JobId& id);
  void Apply(const Observation& observation, std::vector<Change>& changes);
  void Finish(Entry& entry, State state, const std::string& reason, std::vector<Change>& changes);
  void Carry(const Action& action, std::vector<Change>& changes);
  Snapshot MakeSnapshot() const;
  Status Write(const std::vector<Change>& changes, Time now);
  void AfterCommit(const std::vector<Change>& changes);
  void StartAttempt(const Entry& entry);

  db::Database& database_;
  const os::Clock& clock_;
  Engine& engine_;
  os::WorkPool& pool_;
  Options options_;
  EndedFn on_ended_;
  const std::string boot_;

  // Control thread only.
  std::vector<Change> unsaved_;            // moves that memory has made and the database has not
  std::vector<AttemptKey> stops_;          // to be sent to the engine
  std::optional<os::Monotonic> retry_at_;  // of a write that was refused (disk full)
  std::optional<os::Monotonic> write_by_;  // when moves that may wait are written at the latest
  int64_t loaded_sequence_ = 0;            // jobs up to here have been loaded
  int64_t loaded_before_ = 0;              // the same before TickIn's transaction

  mutable std::mutex mutex_;  // guards what follows
  std::map<JobId, std::unique_ptr<Entry>> entries_;
  std::vector<Observation> observations_;
};

}  // namespace tatara::jobs
