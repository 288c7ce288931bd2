// The control thread and the replay barrier: everything in Tatara that acts by itself runs here.
//
// A planner has one shape: take inputs -> snapshot -> pure Plan -> carry out -> record. `Tick`
// does one round and must not block: slow acts go to the work pool and come back as inputs
// (Control::Wake). All planners run on one thread in a fixed order, so that the whole system can
// be simulated on one thread with a manual clock. While a planner is busy with what was due at an
// instant, the planners behind it do nothing that is due then or later: an alarm's evaluation at
// midnight sees the points of the window that closed at midnight.
//
// The law of replay time (product.md, Time): what is due at an instant happens after everything
// that is stamped with that instant and before anything later. A request that would move the clock
// past a due instant waits until that is done, and all work that it set off.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string_view>

#include "base/time.h"
#include "os/clock.h"

namespace tatara::control {

struct Moment {
  Time now{};  // stamps what is recorded
  Time due{};  // whatever is due at or before this shall happen in this round; may be before `now`
};

class Planner {
 public:
  virtual ~Planner() = default;
  virtual std::string_view name() const = 0;
  // One round. Called on the control thread only.
  virtual void Tick(const Moment& moment) = 0;
  // The earliest clock time at which Tick has something to do by itself (a window closes, a
  // schedule fires); nothing when only inputs matter. After a Tick that was not followed by Busy,
  // it is later than that tick's `due`; while it is busy with something that was due, that instant.
  // Asked right after Tick, on the control thread.
  virtual std::optional<Time> NextDue() = 0;
  // Work of the platform's own is under way or ready to begin that a replay must wait for (a rule's
  // pipeline, a version being loaded); not jobs that people submitted, not deliveries outside.
  virtual bool Busy() = 0;
  // The earliest real (stopwatch) instant at which Tick wants to run again: job timeouts, back-off.
  virtual std::optional<os::Monotonic> NextPoll() { return std::nullopt; }
};

// What a request that carries an event time asks before it is served. On real time: never waits.
class Barrier {
 public:
  virtual ~Barrier() = default;
  // Calls `go(true)` once everything due before `time` is done and the clock stands at `time` or
  // later; at once, on the calling thread, when nothing is in the way. `go(false)` when the server
  // stops first: answer 503 with Retry-After. Any thread; `go` must not block.
  virtual void Admit(Time time, std::function<void(bool)> go) = 0;
};

class Control : public Barrier {
 public:
  // `replay` is the clock that Admit moves, or null on real time. Both outlive the Control.
  Control(const os::Clock& clock, os::ManualClock* replay);
  ~Control() override;
  // In the order in which they shall run: capture, monitor, alarms, rules, pipelines, jobs,
  // release, serving. Before Start.
  void Add(Planner& planner);
  void Start();
  // A planner has new input. Any thread, cheap.
  void Wake();
  void Admit(Time time, std::function<void(bool)> go) override;
  // Moves a replay clock to `time` and does what is due by then, the instant itself included;
  // `done(false)` when the server stops first or time is real. For `tatara clock advance`.
  void AdvanceThrough(Time time, std::function<void(bool)> done);
  // Blocks until no planner is busy and nothing is due (for commands that own a home).
  void Settle();
  void Stop();  // idempotent; answers parked requests with go(false)

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tatara::control
