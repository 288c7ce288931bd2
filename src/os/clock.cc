#include "os/clock.h"

namespace tatara::os {

Time RealClock::Now() const {
  return std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now());
}

bool ManualClock::AdvanceTo(Time time) {
  const int64_t wanted = ToMicros(time);
  int64_t now = now_.load(std::memory_order_relaxed);
  while (now < wanted) {
    if (now_.compare_exchange_weak(now, wanted, std::memory_order_acq_rel)) return true;
  }
  return false;
}

Monotonic Stopwatch::Now() { return std::chrono::steady_clock::now(); }

void Stopwatch::Restart() { start_ = Now(); }

Duration Stopwatch::Elapsed() const { return std::chrono::duration_cast<Duration>(Now() - start_); }

}  // namespace tatara::os
