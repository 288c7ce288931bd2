#include "jobs/plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tatara::jobs {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

PlannedJob Runnable(const char* id, int64_t sequence, double cpus = 1) {
  return {.id = JobId(id),
          .state = State::kRunnable,
          .queue = "local",
          .sequence = sequence,
          .cpus = cpus};
}

std::vector<std::string> Started(const Snapshot& snapshot) {
  std::vector<std::string> out;
  for (const Action& action : Plan(snapshot)) {
    if (action.kind == Action::Kind::kStart) out.push_back(action.job.value);
  }
  return out;
}

Snapshot Queue(double cpus, std::vector<PlannedJob> jobs) {
  Snapshot snapshot;
  snapshot.queues["local"] = {cpus, 1000};
  snapshot.jobs = std::move(jobs);
  return snapshot;
}

TEST(Plan, StartsByPriorityThenBySubmission) {
  auto urgent = Runnable("c", 3);
  urgent.priority = 5;
  EXPECT_THAT(Started(Queue(2, {Runnable("a", 1), Runnable("b", 2), urgent})),
              ElementsAre("c", "a"));
}

TEST(Plan, NeverStartsMoreThanTheQueueHolds) {
  auto running = Runnable("r", 1, 1.5);
  running.state = State::kRunning;
  EXPECT_THAT(Started(Queue(2, {running, Runnable("a", 2, 1), Runnable("b", 3, 0.5)})),
              ElementsAre("b"));
  auto hungry = Runnable("m", 4);
  hungry.memory = 600;
  auto also = hungry;
  also.id = JobId("n");
  EXPECT_THAT(Started(Queue(8, {hungry, also})), ElementsAre("m"));
}

TEST(Plan, AJobThatWasPassedOftenEnough_IsPassedNoMore) {
  auto running = Runnable("r", 1, 1);
  running.state = State::kRunning;
  auto large = Runnable("large", 2, 2);
  const auto small = Runnable("small", 3, 1);
  EXPECT_THAT(Started(Queue(2, {running, large, small})), ElementsAre("small"));
  large.passes = kPassesMax;
  EXPECT_THAT(Started(Queue(2, {running, large, small})), IsEmpty());
}

TEST(Plan, AJobThatCanNeverFit_FailsAndSaysWhy) {
  const auto actions = Plan(Queue(2, {Runnable("a", 1, 3)}));
  ASSERT_EQ(actions.size(), 1u);
  EXPECT_EQ(actions[0].kind, Action::Kind::kFail);
  EXPECT_NE(actions[0].reason.find("3 cpus"), std::string::npos);
}

TEST(Plan, Dependencies_AreWaitedFor) {
  auto job = Runnable("a", 2);
  job.state = State::kSubmitted;
  job.needs_open = {JobId("x")};
  auto actions = Plan(Queue(2, {job}));
  ASSERT_EQ(actions.size(), 1u);
  EXPECT_EQ(actions[0].kind, Action::Kind::kMakePending);
  job.state = State::kPending;
  job.needs_open.clear();
  job.needs_broken = {JobId("x")};
  actions = Plan(Queue(2, {job}));
  ASSERT_EQ(actions.size(), 1u);
  EXPECT_EQ(actions[0].kind, Action::Kind::kFail);
  job.needs_broken.clear();
  EXPECT_THAT(Started(Queue(2, {job})), ElementsAre("a"));
}

TEST(Plan, Cancel_OfARunningJob_IsSentOnce) {
  auto job = Runnable("a", 1);
  job.cancel = true;
  EXPECT_EQ(Plan(Queue(2, {job}))[0].kind, Action::Kind::kCancel);
  job.state = State::kStarting;
  EXPECT_EQ(Plan(Queue(2, {job}))[0].kind, Action::Kind::kStop);
  job.stop_sent = true;
  EXPECT_THAT(Plan(Queue(2, {job})), IsEmpty());
}

TEST(Plan, WithoutAServer_NothingStarts) {
  auto snapshot = Queue(2, {Runnable("a", 1)});
  snapshot.starting_allowed = false;
  EXPECT_THAT(Started(snapshot), IsEmpty());
  EXPECT_NE(WhyWaiting(snapshot, JobId("a")).find("tatara up"), std::string::npos);
}

// Whatever a job waits for, asks for and is told: each step of the plan is a move that may be made.
TEST(Plan, EachMove_IsAllowed) {
  const auto to = [](Action::Kind kind) -> std::optional<State> {
    switch (kind) {
      case Action::Kind::kMakePending:
        return State::kPending;
      case Action::Kind::kMakeRunnable:
        return State::kRunnable;
      case Action::Kind::kCancel:
        return State::kCancelled;
      case Action::Kind::kFail:
        return State::kFailed;
      case Action::Kind::kStart:
        return State::kStarting;
      default:
        return {};
    }
  };
  int moves = 0;
  for (const State first : {State::kSubmitted, State::kPending, State::kRunnable}) {
    for (int facts = 0; facts < 16; ++facts) {
      auto job = Runnable("a", 1, (facts & 1) != 0 ? 99 : 1);
      job.state = first;
      job.cancel = (facts & 2) != 0;
      // What is RUNNABLE waits for nothing.
      if (first != State::kRunnable && (facts & 4) != 0) job.needs_open = {JobId("x")};
      if (first != State::kRunnable && (facts & 8) != 0) job.needs_broken = {JobId("y")};
      State at = first;
      for (const Action& action : Plan(Queue(2, {job}))) {
        const auto next = to(action.kind);
        if (!next) continue;
        EXPECT_TRUE(MayMove(at, *next)) << StateName(at) << " -> " << StateName(*next);
        at = *next;
        ++moves;
      }
    }
  }
  EXPECT_GT(moves, 30);
}

static_assert(MayMove(State::kRunning, State::kLost));
static_assert(!MayMove(State::kSucceeded, State::kRunning));

TEST(States, FinalOnesMoveNoMore) {
  for (const Transition& transition : kTransitions) EXPECT_FALSE(IsFinal(transition.from));
}

}  // namespace
}  // namespace tatara::jobs
