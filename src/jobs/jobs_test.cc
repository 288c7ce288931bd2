// The planner with a real database and an engine that does what the test says.
#include "jobs/jobs.h"

#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>

#include "os/os.h"

namespace tatara::jobs {
namespace {

class FakeEngine : public Engine {
 public:
  Status Open(Observer observer) override {
    observer_ = std::move(observer);
    return {};
  }
  void Start(const AttemptSpec& spec) override {
    std::lock_guard lock(mutex_);
    started_.push_back(spec.key);
    condition_.notify_all();
  }
  void Stop(const AttemptKey&) override {}
  void Recover(const AttemptKey&, bool) override {}
  std::string LogPath(const AttemptKey&) const override { return ""; }

  void See(const AttemptKey& key, Observation::Kind kind) {
    Observation seen;
    seen.key = key;
    seen.kind = kind;
    observer_(std::move(seen));
  }
  std::vector<AttemptKey> WaitForStarts(size_t count) {
    std::unique_lock lock(mutex_);
    condition_.wait_for(lock, std::chrono::seconds(10), [&] { return started_.size() >= count; });
    return started_;
  }

 private:
  Observer observer_;
  std::mutex mutex_;
  std::condition_variable condition_;
  std::vector<AttemptKey> started_;
};

class JobsTest : public testing::Test {
 protected:
  JobsTest() {
    Options options;
    options.queues["local"] = {4, 1 << 30};
    options.wake = [] {};
    options.write_within = std::chrono::hours(1);
    jobs_ = std::make_unique<Jobs>(*database_, clock_, engine_, pool_, std::move(options));
    jobs_->OnEnded([this](const JobId& job, State state, const std::string&) {
      told_.push_back(job.value + " " + std::string(StateName(state)));
    });
    EXPECT_TRUE(jobs_->Recover(false));
  }
  void Tick() { jobs_->Tick({clock_.Now(), clock_.Now()}); }
  JobId Submit(db::Tx& tx, std::string owner = "") {
    JobSpec spec;
    spec.argv = {"true"};
    spec.folder = "/";
    spec.owner = std::move(owner);
    auto id = jobs_->Submit(tx, spec);
    EXPECT_TRUE(id);
    return id.value_or(JobId());
  }
  // A submit and its start in one transaction, as pipelines do it.
  JobId SubmitAndStart() {
    JobId id;
    const Status written = database_->Write([&](db::Tx& tx) -> Status {
      id = Submit(tx, "p-1");
      return jobs_->TickIn(tx, clock_.Now());
    });
    EXPECT_TRUE(written);
    jobs_->Committed(true);
    return id;
  }
  State StateOf(const JobId& id) {
    return database_->Read([&](db::Reader& reader) { return Jobs::Get(reader, id); })->state;
  }

  std::unique_ptr<db::Database> database_ = db::Database::OpenForTest();
  os::ManualClock clock_{FromMicros(1'000'000)};
  FakeEngine engine_;
  std::vector<std::string> told_;
  std::unique_ptr<Jobs> jobs_;
  os::WorkPool pool_{"test", 1};  // ends before what its tasks use
};

TEST_F(JobsTest, TickIn_StartsInTheTransactionOfTheSubmit) {
  const JobId id = SubmitAndStart();
  EXPECT_EQ(StateOf(id), State::kStarting);
  EXPECT_EQ(engine_.WaitForStarts(1).size(), 1u);
}

TEST_F(JobsTest, TickIn_OfATransactionThatFailed_StartsNothing) {
  const Status refused = database_->Write([&](db::Tx& tx) -> Status {
    Submit(tx, "p-1");
    TRY(jobs_->TickIn(tx, clock_.Now()));
    return Exhausted("the disk is full");
  });
  EXPECT_FALSE(refused);
  jobs_->Committed(false);
  Tick();
  const JobId next = SubmitAndStart();
  const auto started = engine_.WaitForStarts(1);
  ASSERT_EQ(started.size(), 1u);
  EXPECT_EQ(started[0].job, next);
}

TEST_F(JobsTest, NewsThatMayWait_IsWrittenWithTheNextStepOrSoon) {
  const JobId id = SubmitAndStart();
  engine_.See({id, 1}, Observation::Kind::kRunning);
  Tick();
  EXPECT_EQ(StateOf(id), State::kStarting);
  EXPECT_TRUE(jobs_->NextPoll());
  engine_.See({id, 1}, Observation::Kind::kEnded);
  Tick();
  EXPECT_EQ(told_, std::vector<std::string>{id.value + " SUCCEEDED"});  // before it is written
  EXPECT_EQ(StateOf(id), State::kStarting);
  SubmitAndStart();
  EXPECT_EQ(StateOf(id), State::kSucceeded);
  EXPECT_EQ(told_.size(), 2u);  // and after it was
  EXPECT_FALSE(jobs_->NextPoll());
}

TEST_F(JobsTest, EndOfAJobWithoutAnOwner_IsWrittenAtOnce) {
  JobId id;
  ASSERT_TRUE(database_->Write([&](db::Tx& tx) -> Status {
    id = Submit(tx);
    return {};
  }));
  Tick();
  engine_.WaitForStarts(1);
  engine_.See({id, 1}, Observation::Kind::kEnded);
  Tick();
  EXPECT_EQ(StateOf(id), State::kSucceeded);
}

}  // namespace
}  // namespace tatara::jobs
