#include "control/control.h"

#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <string>
#include <vector>

#include "os/threads.h"

namespace tatara::control {
namespace {

const Time kStart = FromMicros(1'000'000'000);

// Due every ten microseconds; writes down what happens to it.
class Metronome : public Planner {
 public:
  std::string_view name() const override { return "metronome"; }
  void Tick(const Moment& moment) override {
    while (next_ <= moment.due) {
      const std::lock_guard lock(mutex_);
      done_.push_back(ToMicros(next_) - ToMicros(kStart));
      next_ += Duration(10);
    }
  }
  std::optional<Time> NextDue() override { return next_; }
  bool Busy() override { return busy_; }

  std::vector<int64_t> done() const {
    const std::lock_guard lock(mutex_);
    return done_;
  }
  std::atomic<bool> busy_ = false;

 private:
  Time next_ = kStart + Duration(10);
  mutable std::mutex mutex_;
  std::vector<int64_t> done_;
};

// One answer of the barrier, waited for.
class Answer {
 public:
  std::function<void(bool)> Go() {
    return [this](bool go) {
      const std::lock_guard lock(mutex_);
      answer_ = go;
      came_.notify_all();
    };
  }
  // Nothing when it does not come in time.
  std::optional<bool> Wait(std::chrono::milliseconds longest = std::chrono::seconds(20)) {
    std::unique_lock lock(mutex_);
    came_.wait_for(lock, longest, [this] { return answer_.has_value(); });
    return answer_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable came_;
  std::optional<bool> answer_;
};

class ControlTest : public testing::Test {
 protected:
  ControlTest() { control_.Add(planner_); }
  ~ControlTest() override { control_.Stop(); }
  std::optional<bool> Admit(int64_t micros) {
    Answer answer;
    control_.Admit(kStart + Duration(micros), answer.Go());
    const auto came = answer.Wait();
    if (!came) control_.Stop();  // before the answer goes
    return came;
  }

  os::ManualClock clock_{kStart};
  Metronome planner_;
  Control control_{clock_, &clock_};
};

TEST_F(ControlTest, Admit_PastDueInstants_WaitsUntilTheyAreDone) {
  control_.Start();
  EXPECT_EQ(Admit(35), true);
  EXPECT_EQ(planner_.done(), (std::vector<int64_t>{10, 20, 30}));
  EXPECT_EQ(clock_.Now(), kStart + Duration(35));
}

TEST_F(ControlTest, Admit_AtADueInstant_ComesBeforeIt) {
  control_.Start();
  EXPECT_EQ(Admit(20), true);
  EXPECT_EQ(planner_.done(), (std::vector<int64_t>{10}));
  EXPECT_EQ(Admit(21), true);
  EXPECT_EQ(planner_.done(), (std::vector<int64_t>{10, 20}));
}

TEST_F(ControlTest, Admit_OfAnEarlierTime_NeverMovesTheClockBack) {
  control_.Start();
  EXPECT_EQ(Admit(15), true);
  EXPECT_EQ(Admit(5), true);
  EXPECT_EQ(clock_.Now(), kStart + Duration(15));
}

TEST_F(ControlTest, AdvanceThrough_DoesWhatIsDueAtTheInstantItself) {
  control_.Start();
  Answer answer;
  control_.AdvanceThrough(kStart + Duration(20), answer.Go());
  EXPECT_EQ(answer.Wait(), true);
  EXPECT_EQ(planner_.done(), (std::vector<int64_t>{10, 20}));
}

// Works on what is due at one instant until it is told that it has done it.
class Worker : public Planner {
 public:
  std::string_view name() const override { return "worker"; }
  void Tick(const Moment& moment) override {
    if (next_ && *next_ <= moment.due && !done_) working_ = true;
    if (!working_ || !done_) return;
    working_ = false;
    next_.reset();
  }
  std::optional<Time> NextDue() override { return next_; }
  bool Busy() override { return working_; }

  std::optional<Time> next_ = kStart + Duration(20);
  std::atomic<bool> done_ = false, working_ = false;
};

TEST(Control, APlannerBehindABusyOne_LeavesWhatIsDueFromThatInstantOn) {
  os::ManualClock clock{kStart};
  Worker worker;
  Metronome behind;
  Control control{clock, &clock};
  control.Add(worker);
  control.Add(behind);
  control.Start();
  Answer answer;
  control.Admit(kStart + Duration(35), answer.Go());
  EXPECT_EQ(answer.Wait(std::chrono::milliseconds(50)), std::nullopt);
  EXPECT_TRUE(worker.working_);
  EXPECT_EQ(behind.done(), (std::vector<int64_t>{10}));
  worker.done_ = true;
  control.Wake();
  EXPECT_EQ(answer.Wait(), true);
  EXPECT_EQ(behind.done(), (std::vector<int64_t>{10, 20, 30}));
  control.Stop();
}

TEST_F(ControlTest, Stop_AnswersWhoStillWaits) {
  planner_.busy_ = true;
  control_.Start();
  Answer answer;
  control_.Admit(kStart + Duration(50), answer.Go());
  control_.Stop();
  EXPECT_EQ(answer.Wait(), false);
  EXPECT_TRUE(planner_.done().empty());
}

// A request that parks while the control thread is about to sleep must not be forgotten.
TEST_F(ControlTest, Admit_BesideAWake_IsNeverForgotten) {
  control_.Start();
  constexpr int kRounds = 5000;
  std::atomic<int> round = 0;
  os::Thread waker("waker", [&] {
    for (int seen = 0; seen < kRounds;) {
      const int now = round;
      if (now == seen) continue;
      seen = now;
      control_.Wake();
    }
  });
  int answered = 0;
  for (int i = 1; i <= kRounds; ++i) {
    round = i;
    if (Admit(i * 3) != true) break;
    answered = i;
  }
  round = kRounds;
  waker.Join();
  EXPECT_EQ(answered, kRounds);
}

TEST(Control, OnRealTime_AdmitNeverWaits) {
  const os::RealClock clock;
  Control control(clock, nullptr);
  Answer answer;
  control.Admit(clock.Now() + std::chrono::hours(1), answer.Go());
  EXPECT_EQ(answer.Wait(std::chrono::milliseconds(0)), true);
  Answer advance;
  control.AdvanceThrough(clock.Now(), advance.Go());
  EXPECT_EQ(advance.Wait(std::chrono::milliseconds(0)), false);
}

}  // namespace
}  // namespace tatara::control
