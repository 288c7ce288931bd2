#include "jobs/jobs.h"

#include <algorithm>
#include <set>

#include "base/hash.h"
#include "base/log.h"
#include "base/strings.h"
#include "events/events.h"
#include "jobs/store.h"
#include "os/files.h"
#include "os/random.h"
#include "os/threads.h"

namespace tatara::jobs {

struct Jobs::Entry {
  PlannedJob plan;
  std::string name, owner;
  EventId cause;
  int64_t retries = 0;
  int attempt = 0;  // the newest one's number, 0: none yet
};

struct Jobs::Change {
  JobId job;
  State from, to;
  std::string reason;
  std::optional<int64_t> exit_code;
  int attempt = 0;
  std::optional<Observation> end;  // closes the attempt
  bool start = false;              // opens the attempt
};

namespace {

std::string BootId() {
  auto text = os::ReadFile("/proc/sys/kernel/random/boot_id", 100);
  return text ? std::string(Trim(*text)) : "unknown";
}

// The state in which an attempt's end leaves the attempt, and why.
std::pair<State, std::string> EndOf(const Observation& end, bool cancel) {
  switch (end.kind) {
    case Observation::Kind::kGone:
      return {State::kLost, end.message};
    case Observation::Kind::kStartFailed:
      return {State::kFailed, end.message};
    default:
      break;
  }
  if (cancel || end.why == Observation::Why::kCancelled) return {State::kCancelled, "cancelled"};
  if (end.why == Observation::Why::kTimedOut) return {State::kFailed, "timed out"};
  if (end.why == Observation::Why::kOutOfMemory) return {State::kFailed, "out of memory"};
  if (end.exit_code == 0) return {State::kSucceeded, ""};
  if (end.exit_code > 128) {
    return {State::kFailed, "ended by signal " + std::to_string(end.exit_code - 128)};
  }
  return {State::kFailed, "exit code " + std::to_string(end.exit_code)};
}

}  // namespace

Jobs::Jobs(db::Database& database, const os::Clock& clock, Engine& engine, os::WorkPool& pool,
           Options options)
    : database_(database),
      clock_(clock),
      engine_(engine),
      pool_(pool),
      options_(std::move(options)),
      boot_(BootId()) {}

Jobs::~Jobs() = default;

void Jobs::SetQueues(std::map<std::string, QueueLimits> queues) {
  std::lock_guard lock(mutex_);
  options_.queues = std::move(queues);
}

void Jobs::OnEnded(EndedFn callback) { on_ended_ = std::move(callback); }

Status Jobs::Recover(bool moved) {
  TRY(engine_.Open([this](Observation observation) {
    {
      std::lock_guard lock(mutex_);
      observations_.push_back(std::move(observation));
    }
    options_.wake();
  }));
  TRY(database_.Read([this](db::Reader& reader) { return LoadChanges(reader); }));
  struct Open {
    AttemptKey key;
    std::string boot;
  };
  const auto open = TRY(database_.Read([](db::Reader& reader) {
    return reader.All(
        "SELECT a.job, a.number, a.boot FROM attempts a JOIN jobs j ON j.id = a.job "
        "WHERE a.ended IS NULL AND j.state IN ('STARTING', 'RUNNING')",
        {}, [](const db::Row& row) {
          return Open{{JobId(row.Text(0)), static_cast<int>(row.Int(1))}, row.Text(2)};
        });
  }));
  if (!moved) {
    for (const Open& attempt : open) engine_.Recover(attempt.key, attempt.boot == boot_);
    return {};
  }
  std::vector<Change> changes;
  {
    std::lock_guard lock(mutex_);
    for (auto& [id, entry] : entries_) {
      entry->retries = 0;
      if (entry->attempt > 0 &&
          (entry->plan.state == State::kStarting || entry->plan.state == State::kRunning)) {
        Observation gone;
        gone.key = {id, entry->attempt};
        gone.kind = Observation::Kind::kGone;
        gone.message = "this home was moved or copied while the job ran";
        Apply(gone, changes);
      } else {
        Finish(*entry, State::kCancelled, "this home was moved or copied", changes);
      }
    }
  }
  TRY(Write(changes, clock_.Now()));
  AfterCommit(changes);
  return {};
}

Result<JobId> Jobs::Submit(db::Tx& tx, const JobSpec& spec) {
  if (spec.argv.empty() || spec.argv[0].empty()) return Invalid("a job needs a command");
  if (!(spec.cpus > 0)) return Invalid("a job needs more than 0 cpus");
  if (spec.retries < 0 || spec.retries > 100) return Invalid("retries must be 0 to 100");
  for (const std::string& argument : spec.argv) {
    if (argument.find('\0') != std::string::npos) return Invalid("the command holds a NUL byte");
  }
  {
    std::lock_guard lock(mutex_);
    if (!options_.queues.contains(spec.queue)) {
      std::vector<std::string> names;
      for (const auto& [name, limits] : options_.queues) names.push_back(name);
      return NotFound("no queue '" + spec.queue + "'" + DidYouMean(spec.queue, names));
    }
  }
  return InsertJob(tx, spec, clock_.Now());
}

Status Jobs::Cancel(db::Tx& tx, const JobId& id) {
  auto state = TRY(tx.One("SELECT state FROM jobs WHERE id = ?", {id},
                          [](const db::Row& row) { return row.Text(0); }));
  if (!state) return NotFound("no job " + id.value);
  if (IsFinal(StateFromName(*state).value_or(State::kLost))) {
    return Conflict("job " + id.value + " has already ended: " + *state);
  }
  const int64_t changed = TRY(
      tx.Exec("UPDATE jobs SET cancel_requested = 1 WHERE id = ? AND cancel_requested = 0", {id}));
  if (changed == 0) return {};
  TRY(events::Append(tx, {.time = clock_.Now(),
                          .source = "tatara.jobs",
                          .type = "job_cancel_requested",
                          .subject = id.value,
                          .detail = Json::Of({{"id", id.value}})}));
  return {};
}

std::vector<std::string> Jobs::LogPaths(const Job& job) const {
  std::vector<std::string> paths;
  for (const Attempt& attempt : job.attempts) {
    paths.push_back(engine_.LogPath({job.id, attempt.number}));
  }
  return paths;
}

std::string Jobs::WhyWaiting(const JobId& id) const {
  std::lock_guard lock(mutex_);
  return jobs::WhyWaiting(MakeSnapshot(), id);
}

Status Jobs::LoadNew(db::Reader& reader) {
  const auto fresh =
      TRY(reader.All("SELECT id, sequence FROM jobs WHERE sequence > ? AND "
                     "state NOT IN ('SUCCEEDED', 'FAILED', 'CANCELLED', 'LOST') ORDER BY sequence",
                     {loaded_sequence_},
                     [](const db::Row& row) { return std::pair(JobId(row.Text(0)), row.Int(1)); }));
  std::lock_guard lock(mutex_);
  for (const auto& [id, sequence] : fresh) {
    TRY(LoadEntry(reader, id));
    loaded_sequence_ = sequence;
  }
  return {};
}

Status Jobs::LoadChanges(db::Reader& reader) {
  TRY(LoadNew(reader));
  const auto cancelled =
      TRY(reader.All("SELECT id FROM jobs WHERE cancel_requested = 1 AND "
                     "state NOT IN ('SUCCEEDED', 'FAILED', 'CANCELLED', 'LOST')",
                     {}, [](const db::Row& row) { return JobId(row.Text(0)); }));
  std::lock_guard lock(mutex_);
  for (const JobId& id : cancelled) {
    if (const auto found = entries_.find(id); found != entries_.end()) {
      found->second->plan.cancel = true;
    }
  }
  return {};
}

Status Jobs::LoadEntry(db::Reader& reader, const JobId& id) {
  const Job job = TRY(Get(reader, id));
  auto entry = std::make_unique<Entry>();
  entry->plan = {.id = id,
                 .state = job.state,
                 .queue = job.queue,
                 .priority = job.priority,
                 .sequence = TRY(reader.Count("SELECT sequence FROM jobs WHERE id = ?", {id})),
                 .cpus = job.cpus,
                 .memory = job.memory};
  entry->name = job.name;
  entry->owner = job.owner;
  entry->retries = job.retries;
  entry->attempt = job.attempts.empty() ? 0 : job.attempts.back().number;
  auto cause = TRY(reader.One("SELECT cause FROM jobs WHERE id = ?", {id},
                              [](const db::Row& row) { return EventId(row.Text(0)); }));
  entry->cause = cause.value_or(EventId());
  for (const JobId& need : job.after) {
    // One that has ended in memory only tells nobody again.
    if (const auto known = entries_.find(need); known != entries_.end()) {
      const State state = known->second->plan.state;
      if (!IsFinal(state)) entry->plan.needs_open.push_back(need);
      if (IsFinal(state) && state != State::kSucceeded) entry->plan.needs_broken.push_back(need);
      continue;
    }
    auto state = TRY(reader.One("SELECT state FROM jobs WHERE id = ?", {need},
                                [](const db::Row& row) { return row.Text(0); }));
    if (state != "SUCCEEDED") entry->plan.needs_broken.push_back(need);
  }
  entries_[id] = std::move(entry);
  return {};
}

Snapshot Jobs::MakeSnapshot() const {
  Snapshot snapshot;
  snapshot.queues = options_.queues;
  for (const auto& [id, entry] : entries_) {
    if (IsFinal(entry->plan.state)) continue;  // ended in this round, not yet written
    const bool waits = entry->plan.state < State::kStarting;
    if (waits && options_.may_start && !options_.may_start(id, entry->owner)) continue;
    snapshot.jobs.push_back(entry->plan);
  }
  return snapshot;
}

void Jobs::Finish(Entry& entry, State state, const std::string& reason,
                  std::vector<Change>& changes) {
  changes.push_back({.job = entry.plan.id,
                     .from = entry.plan.state,
                     .to = state,
                     .reason = reason,
                     .attempt = entry.attempt});
  entry.plan.state = state;
  for (auto& [id, other] : entries_) {
    if (std::erase(other->plan.needs_open, entry.plan.id) > 0 && state != State::kSucceeded) {
      other->plan.needs_broken.push_back(entry.plan.id);
    }
  }
}

// What the engine saw, as a move of the job. Repeats and news of old attempts change nothing.
void Jobs::Apply(const Observation& observation, std::vector<Change>& changes) {
  const auto found = entries_.find(observation.key.job);
  if (found == entries_.end()) return;
  Entry& entry = *found->second;
  if (entry.attempt != observation.key.number || IsFinal(entry.plan.state) ||
      entry.plan.state < State::kStarting) {
    return;
  }
  if (observation.kind == Observation::Kind::kRunning) {
    if (entry.plan.state != State::kStarting) return;
    changes.push_back({.job = entry.plan.id,
                       .from = State::kStarting,
                       .to = State::kRunning,
                       .attempt = entry.attempt});
    entry.plan.state = State::kRunning;
    return;
  }
  if (observation.kind == Observation::Kind::kNotStarted) return StartAttempt(entry);
  auto [state, reason] = EndOf(observation, entry.plan.cancel);
  const bool again = (state == State::kFailed || state == State::kLost) && !entry.plan.cancel &&
                     entry.attempt <= entry.retries;
  if (again) {
    changes.push_back({.job = entry.plan.id,
                       .from = entry.plan.state,
                       .to = State::kRunnable,
                       .reason = reason,
                       .attempt = entry.attempt});
    entry.plan.state = State::kRunnable;
  } else {
    Finish(entry, state, reason, changes);
  }
  changes.back().end = observation;
  if (observation.kind == Observation::Kind::kEnded)
    changes.back().exit_code = observation.exit_code;
  entry.plan.stop_sent = false;
}

void Jobs::Carry(const Action& action, std::vector<Change>& changes) {
  Entry& entry = *entries_.at(action.job);
  const auto move = [&](State to) {
    changes.push_back({.job = action.job, .from = entry.plan.state, .to = to});
    entry.plan.state = to;
  };
  switch (action.kind) {
    case Action::Kind::kMakePending:
      return move(State::kPending);
    case Action::Kind::kMakeRunnable:
      return move(State::kRunnable);
    case Action::Kind::kCancel:
      return Finish(entry, State::kCancelled, "cancelled", changes);
    case Action::Kind::kFail:
      return Finish(entry, State::kFailed, action.reason, changes);
    case Action::Kind::kPass:
      ++entry.plan.passes;
      return;
    case Action::Kind::kStop:
      entry.plan.stop_sent = true;
      return;
    case Action::Kind::kStart:
      ++entry.attempt;
      move(State::kStarting);
      changes.back().attempt = entry.attempt;
      changes.back().start = true;
      return;
  }
}

void Jobs::Tick(const control::Moment& moment) {
  const Status loaded = database_.Read([this](db::Reader& reader) { return LoadChanges(reader); });
  if (!loaded) Log::Error("jobs", loaded.error().message);
  Step();
  SendStops();
  if (unsaved_.empty() || MayWait()) return;
  if (Status written = Write(unsaved_, moment.now); !written) {
    Log::Error("jobs", "cannot record what jobs did, trying again: " + written.error().message);
    retry_at_ = os::Stopwatch::Now() + std::chrono::seconds(1);
    return;
  }
  Committed(true);
}

std::optional<os::Monotonic> Jobs::NextPoll() {
  if (retry_at_ && write_by_) return std::min(*retry_at_, *write_by_);
  return retry_at_ ? retry_at_ : write_by_;
}

// News that nothing waits for goes with the next write, so that a short job takes fewer commits:
// that a command runs, and the end of a job whose owner has been told (its own record of it comes
// at once, by TickIn).
bool Jobs::MayWait() {
  if (retry_at_) return false;
  {
    std::lock_guard lock(mutex_);
    const bool all = std::ranges::all_of(unsaved_, [&](const Change& change) {
      if (change.to == State::kRunning) return true;
      return change.end && IsFinal(change.to) && on_ended_ &&
             !entries_.at(change.job)->owner.empty();
    });
    if (!all) return false;
  }
  const auto now = os::Stopwatch::Now();
  if (!write_by_) write_by_ = now + options_.write_within;
  return now < *write_by_;
}

void Jobs::Step() {
  std::vector<Change> ended;
  {
    std::lock_guard lock(mutex_);
    const size_t before = unsaved_.size();
    for (const Observation& observation : std::exchange(observations_, {})) {
      Apply(observation, unsaved_);
    }
    for (const Action& action : Plan(MakeSnapshot())) {
      Carry(action, unsaved_);
      if (action.kind == Action::Kind::kStop) {
        stops_.push_back({action.job, entries_.at(action.job)->attempt});
      }
    }
    for (size_t i = before; i < unsaved_.size(); ++i) {
      if (IsFinal(unsaved_[i].to)) ended.push_back(unsaved_[i]);
    }
  }
  if (!on_ended_) return;
  for (const Change& change : ended) on_ended_(change.job, change.to, change.reason);
}

void Jobs::SendStops() {
  for (const AttemptKey& key : std::exchange(stops_, {})) engine_.Stop(key);
}

Status Jobs::TickIn(db::Tx& tx, Time now) {
  loaded_before_ = loaded_sequence_;
  TRY(LoadNew(tx));
  Step();
  return WriteAll(tx, unsaved_, now);
}

void Jobs::Committed(bool written) {
  SendStops();
  if (written) {
    retry_at_.reset();
    write_by_.reset();
    return AfterCommit(std::exchange(unsaved_, {}));
  }
  // The jobs that the transaction had made are gone with it; other moves are written later.
  std::lock_guard lock(mutex_);
  std::erase_if(entries_,
                [&](const auto& entry) { return entry.second->plan.sequence > loaded_before_; });
  std::erase_if(unsaved_, [&](const Change& change) { return !entries_.contains(change.job); });
  loaded_sequence_ = loaded_before_;
}

Status Jobs::Write(const std::vector<Change>& changes, Time now) {
  return database_.Write([&](db::Tx& tx) { return WriteAll(tx, changes, now); });
}

Status Jobs::WriteAll(db::Tx& tx, const std::vector<Change>& changes, Time now) {
  std::map<JobId, std::pair<std::string, EventId>> facts;
  {
    std::lock_guard lock(mutex_);
    for (const Change& change : changes) {
      const Entry& entry = *entries_.at(change.job);
      facts[change.job] = {entry.name, entry.cause};
    }
  }
  for (const Change& change : changes) {
    const auto& [name, cause] = facts[change.job];
    JobMove move{.job = change.job,
                 .name = name,
                 .from = change.from,
                 .to = change.to,
                 .reason = change.reason,
                 .exit_code = change.exit_code,
                 .cause = cause};
    TRY(MoveJob(tx, move, now));
    if (change.start) TRY(OpenAttempt(tx, {change.job, change.attempt}, boot_, now));
    if (!change.start && change.to == State::kRunning) {
      TRY(MarkAttemptRunning(tx, {change.job, change.attempt}));
    }
    if (change.end) {
      const auto [state, reason] = EndOf(*change.end, change.to == State::kCancelled);
      TRY(CloseAttempt(tx, *change.end, state, reason, now));
    }
  }
  return {};
}

void Jobs::AfterCommit(const std::vector<Change>& changes) {
  {
    std::lock_guard lock(mutex_);
    for (const Change& change : changes) {
      const auto found = entries_.find(change.job);
      if (found == entries_.end()) continue;
      if (change.start) StartAttempt(*found->second);
      if (IsFinal(change.to)) entries_.erase(found);
    }
  }
  if (!on_ended_) return;
  for (const Change& change : changes) {
    if (IsFinal(change.to)) on_ended_(change.job, change.to, change.reason);
  }
}

void Jobs::StartAttempt(const Entry& entry) {
  const AttemptKey key{entry.plan.id, entry.attempt};
  const bool posted = pool_.Post([this, key, owner = entry.owner] {
    auto spec = database_.Read(
        [&](db::Reader& reader) -> Result<AttemptSpec> { return LoadAttemptSpec(reader, key); });
    if (spec) {
      if (options_.environment) options_.environment(key, owner, spec->environment);
      return engine_.Start(*spec);
    }
    Observation failed;
    failed.key = key;
    failed.kind = Observation::Kind::kStartFailed;
    failed.message = spec.error().message;
    {
      std::lock_guard lock(mutex_);
      observations_.push_back(std::move(failed));
    }
    options_.wake();
  });
  if (!posted) Log::Warn("jobs", key.Text() + ": not started, the server is ending");
}

}  // namespace tatara::jobs
