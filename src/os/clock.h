// Two kinds of time. The clock says *when* (events, alarms, schedules, windows); it is injected and
// can be real, replayed or a test's. The stopwatch says *how long* (timeouts, grace, back-off); it
// is monotonic and always real, or a hung job would hang a replay.
#pragma once

#include <atomic>
#include <chrono>

#include "base/time.h"

namespace tatara::os {

class Clock {
 public:
  virtual ~Clock() = default;
  virtual Time Now() const = 0;  // any thread
};

class RealClock : public Clock {
 public:
  Time Now() const override;
};

// Stands still until it is moved; never goes back. Serves replay (moved by event times) and tests.
class ManualClock : public Clock {
 public:
  explicit ManualClock(Time start) : now_(ToMicros(start)) {}
  Time Now() const override { return FromMicros(now_.load(std::memory_order_acquire)); }
  // Moves to `time` unless that is earlier; says whether it moved. Any thread.
  bool AdvanceTo(Time time);
  void Advance(Duration span) { AdvanceTo(Now() + span); }

 private:
  std::atomic<int64_t> now_;
};

using Monotonic = std::chrono::steady_clock::time_point;

// Real elapsed time since construction or Restart.
class Stopwatch {
 public:
  Stopwatch() { Restart(); }
  void Restart();
  Duration Elapsed() const;
  static Monotonic Now();

 private:
  Monotonic start_;
};

}  // namespace tatara::os
