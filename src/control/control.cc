#include "control/control.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <vector>

#include "base/log.h"
#include "os/threads.h"

namespace tatara::control {
namespace {

constexpr Time kNever = Time::max();
// A planner that stays due without being busy would spin; after so many rounds we move on.
constexpr int kStuckRounds = 1000;

struct Parked {
  Time time;
  bool inclusive;  // what is due at `time` itself must be done too
  std::function<void(bool)> go;
};

}  // namespace

class Control::Impl {
 public:
  Impl(const os::Clock& clock, os::ManualClock* replay) : clock_(clock), replay_(replay) {}

  void Add(Planner& planner) { planners_.push_back(&planner); }

  void Start() {
    thread_ = os::Thread("control", [this] { Loop(); });
  }

  void Wake() {
    {
      std::lock_guard lock(mutex_);
      dirty_ = true;
      quiet_until_.store(INT64_MIN, std::memory_order_release);
    }
    wake_.notify_all();
  }

  void Admit(Time time, std::function<void(bool)> go) {
    if (replay_ == nullptr || time <= clock_.Now()) return go(true);
    if (ToMicros(time) <= quiet_until_.load(std::memory_order_acquire)) {
      replay_->AdvanceTo(time);
      return go(true);
    }
    Park({time, false, std::move(go)});
  }

  void AdvanceThrough(Time time, std::function<void(bool)> done) {
    if (replay_ == nullptr) return done(false);
    Park({time, true, std::move(done)});
  }

  void Settle() {
    std::unique_lock lock(mutex_);
    settled_.wait(lock, [this] { return stopping_ || (!dirty_ && settled_now_); });
  }

  void Stop() {
    {
      std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_all();
    settled_.notify_all();
    thread_.Join();
    std::vector<Parked> left;
    {
      std::lock_guard lock(mutex_);
      left.swap(parked_);
    }
    for (Parked& parked : left) parked.go(false);
  }

 private:
  // What the planners say after a round.
  struct State {
    bool busy = false;
    Time next_due = kNever;
    std::optional<os::Monotonic> next_poll;
  };

  void Park(Parked parked) {
    {
      std::lock_guard lock(mutex_);
      if (!stopping_) {
        parked_.push_back(std::move(parked));
        parked.go = nullptr;
      }
    }
    if (parked.go) return parked.go(false);
    wake_.notify_all();
  }

  State Round(const Moment& moment) {
    State state;
    Moment until = moment;
    for (Planner* planner : planners_) {
      planner->Tick(until);
      if (!planner->Busy()) continue;
      // What it works on is input of the planners behind it.
      if (auto due = planner->NextDue(); due && *due <= until.due) until.due = *due - Duration(1);
    }
    for (Planner* planner : planners_) {
      state.busy = planner->Busy() || state.busy;
      if (auto due = planner->NextDue()) state.next_due = std::min(state.next_due, *due);
      if (auto poll = planner->NextPoll()) {
        state.next_poll = state.next_poll ? std::min(*state.next_poll, *poll) : *poll;
      }
    }
    return state;
  }

  void Loop() {
    Time due_done = replay_ != nullptr ? clock_.Now() - Duration(1) : clock_.Now();
    int stuck = 0;
    for (;;) {
      {
        std::lock_guard lock(mutex_);
        if (stopping_) return;
        dirty_ = false;
      }
      const Time now = clock_.Now();
      if (replay_ == nullptr)
        due_done = now;
      else
        due_done = std::max(due_done, now - Duration(1));
      const State state = Round({now, due_done});
      if (replay_ != nullptr && !state.busy && StepReplay(state, due_done, stuck)) continue;
      WaitForInput(state);
    }
  }

  // Replay only, nothing busy: lets the next parked request pass, or moves to the next due instant
  // on its way. True when another round is due at once.
  bool StepReplay(const State& state, Time& due_done, int& stuck) {
    std::vector<Parked> pass;
    bool again = false;
    {
      std::lock_guard lock(mutex_);
      if (dirty_) return true;
      if (parked_.empty()) return false;
      const auto first = std::ranges::min_element(parked_, {}, &Parked::time);
      const Time target = first->time;
      const bool inclusive = first->inclusive;
      const bool in_the_way = state.next_due < target || (inclusive && state.next_due <= target);
      if (in_the_way && state.next_due <= due_done && ++stuck > kStuckRounds) {
        Log::Error("control", "a planner stays due at " + FormatTime(state.next_due) +
                                  " without working; moving on");
        due_done = target;
      } else if (in_the_way) {
        replay_->AdvanceTo(state.next_due);
        due_done = std::max(due_done, state.next_due);
        return true;
      }
      stuck = 0;
      replay_->AdvanceTo(target);
      if (inclusive) due_done = std::max(due_done, target);
      std::erase_if(parked_, [&](Parked& parked) {
        if (parked.time > target || (parked.inclusive && !inclusive)) return false;
        pass.push_back(std::move(parked));
        return true;
      });
      again = !parked_.empty();
      if (!again) quiet_until_.store(ToMicros(state.next_due), std::memory_order_release);
    }
    for (Parked& parked : pass) parked.go(true);
    return again;
  }

  void WaitForInput(const State& state) {
    std::unique_lock lock(mutex_);
    if (stopping_ || dirty_) return;
    // Not busy and yet parked: it came after StepReplay had looked, and nobody else will wake us.
    if (replay_ != nullptr && !state.busy && !parked_.empty()) return;
    const bool due_now = replay_ == nullptr && state.next_due <= clock_.Now();
    settled_now_ = !state.busy && !due_now;
    if (settled_now_) {
      settled_.notify_all();
      if (replay_ != nullptr && parked_.empty()) {
        quiet_until_.store(ToMicros(state.next_due), std::memory_order_release);
      }
    }
    const size_t parked_before = parked_.size();
    const auto woken = [&] { return stopping_ || dirty_ || parked_.size() != parked_before; };
    std::optional<os::Monotonic> until = state.next_poll;
    if (replay_ == nullptr && state.next_due != kNever) {
      // Re-read at least once a minute: the real clock may be set while we wait. What is due but
      // held up by a busy planner waits for that one to wake us.
      constexpr Duration kHeldUp = std::chrono::milliseconds(100);
      const Duration span =
          std::clamp<Duration>(state.next_due - clock_.Now(), state.busy ? kHeldUp : Duration(0),
                               std::chrono::minutes(1));
      const auto at = os::Stopwatch::Now() + span;
      until = until ? std::min(*until, at) : at;
    }
    if (until) {
      wake_.wait_until(lock, *until, woken);
    } else {
      wake_.wait(lock, woken);
    }
    settled_now_ = false;
  }

  const os::Clock& clock_;
  os::ManualClock* const replay_;
  std::vector<Planner*> planners_;

  std::mutex mutex_;
  std::condition_variable wake_, settled_;
  bool dirty_ = true;  // inputs came since the last round began
  bool stopping_ = false;
  bool settled_now_ = false;
  std::vector<Parked> parked_;
  // Requests up to this time pass without a look at the planners: nothing is busy, parked or due.
  std::atomic<int64_t> quiet_until_{INT64_MIN};
  os::Thread thread_;
};

Control::Control(const os::Clock& clock, os::ManualClock* replay)
    : impl_(std::make_unique<Impl>(clock, replay)) {}
Control::~Control() { Stop(); }
void Control::Add(Planner& planner) { impl_->Add(planner); }
void Control::Start() { impl_->Start(); }
void Control::Wake() { impl_->Wake(); }
void Control::Admit(Time time, std::function<void(bool)> go) { impl_->Admit(time, std::move(go)); }
void Control::AdvanceThrough(Time time, std::function<void(bool)> done) {
  impl_->AdvanceThrough(time, std::move(done));
}
void Control::Settle() { impl_->Settle(); }
void Control::Stop() { impl_->Stop(); }

}  // namespace tatara::control
