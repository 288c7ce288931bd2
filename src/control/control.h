// The control thread and the replay barrier: everything in Tatara that acts by itself runs here.
//
// A planner has one shape: take inputs -> snapshot -> pure Plan -> carry out -> record. `Tick`
// does one round and must not block: slow acts go to the work pool and come back as inputs
// (Control::Wake). All planners run on one thread in a fixed order, so that the whole system can
// be simulated on one thread with a manual clock.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string_view>

#include "base/time.h"
#include "os/clock.h"

namespace tatara::control {

class Planner {
 public:
  virtual ~Planner() = default;
  virtual std::string_view name() const = 0;
  // One round at clock time `now`. Called on the control thread only.
  virtual void Tick(Time now) = 0;
  // The earliest clock time after which Tick has something to do by itself (a window closes, a
  // schedule fires); nothing when only inputs matter. May be asked right after Tick.
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
  // Calls `go` (with true) once everything due before or at `time` is done and the clock stands at
  // `time` or later; at once, on the calling thread, when nothing is in the way. `go(false)` when
  // the server stops first: answer 503 with Retry-After. Any thread; `go` must not block.
  virtual void Admit(Time time, std::function<void(bool)> go) = 0;
};

class Control : public Barrier {
 public:
  // `replay` is the clock that Admit moves, or null on real time.
  Control(const os::Clock& clock, os::ManualClock* replay);
  ~Control() override;
  // In the order in which they shall run: capture, monitor, alarms, rules, pipelines, jobs,
  // release, serving. Before Start.
  void Add(Planner& planner);
  void Start();
  // A planner has new input. Any thread, cheap.
  void Wake();
  void Admit(Time time, std::function<void(bool)> go) override;
  // Blocks until nothing is busy or due at the clock's present time (commands that own a home).
  void Settle();
  void Stop();  // idempotent; answers parked requests with go(false)

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tatara::control
