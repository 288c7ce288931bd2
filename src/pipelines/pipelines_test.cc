// The door with a real database, real files and jobs whose "commands" are functions of the test:
// what is recorded when, joins, cancels, restarts in the middle.
#include "pipelines/pipelines.h"

#include <gtest/gtest.h>

#include <condition_variable>
#include <map>
#include <mutex>

#include "base/strings.h"
#include "events/events.h"
#include "jobs/jobs.h"
#include "os/os.h"
#include "pipelines/workspace.h"

namespace tatara::pipelines {
namespace {

// Runs `cp A B` and `touch B` and `false` at once; `hang` runs until End or Stop is called.
class FakeEngine : public jobs::Engine {
 public:
  Status Open(Observer observer) override {
    observer_ = std::move(observer);
    return {};
  }
  void Start(const jobs::AttemptSpec& spec) override {
    const std::vector<std::string> words = Split(spec.argv.back(), ' ');
    {
      std::lock_guard lock(mutex_);
      ++starts_[spec.environment.at("DVC_STAGE")];
    }
    int code = 0;
    if (words[0] == "cp") {
      code = os::CopyFile(spec.folder + "/" + words[1], spec.folder + "/" + words[2]) ? 0 : 1;
    } else if (words[0] == "touch") {
      code = os::WriteFile(spec.folder + "/" + words[1], "made") ? 0 : 1;
    } else if (words[0] == "hang") {
      {
        std::lock_guard lock(mutex_);
        hanging_.push_back({spec.key, spec.folder + "/" + words[1]});
      }
      jobs::Observation running;
      running.key = spec.key;
      return observer_(running);
    } else {
      code = 3;
    }
    End(spec.key, code);
  }
  void Stop(const jobs::AttemptKey& key) override { End(key, 143); }
  void Recover(const jobs::AttemptKey& key, bool) override {
    int code = 0;
    {
      std::lock_guard lock(mutex_);
      const auto ended = ended_.find(key);
      if (ended == ended_.end()) return;  // it still hangs
      code = ended->second;
    }
    End(key, code);
  }
  std::string LogPath(const jobs::AttemptKey&) const override { return ""; }

  void End(const jobs::AttemptKey& key, int code) {
    {
      std::lock_guard lock(mutex_);
      ended_[key] = code;
    }
    jobs::Observation end;
    end.key = key;
    end.kind = jobs::Observation::Kind::kEnded;
    end.exit_code = code;
    observer_(end);
  }
  void EndHanging() {
    std::vector<std::pair<jobs::AttemptKey, std::string>> all;
    {
      std::lock_guard lock(mutex_);
      all = std::exchange(hanging_, {});
    }
    for (const auto& [key, out] : all) {
      (void)os::WriteFile(out, "hung");
      End(key, 0);
    }
  }
  int starts(const std::string& stage) {
    std::lock_guard lock(mutex_);
    return starts_[stage];
  }
  bool hangs() {
    std::lock_guard lock(mutex_);
    return !hanging_.empty();
  }

 private:
  Observer observer_;
  std::mutex mutex_;
  std::map<std::string, int> starts_;
  std::map<jobs::AttemptKey, int> ended_;
  std::vector<std::pair<jobs::AttemptKey, std::string>> hanging_;
};

class PipelinesTest : public ::testing::Test {
 protected:
  PipelinesTest() : folder_(::testing::TempDir() + "tatara-pipelines-" + os::NewId(Time{})) {
    EXPECT_TRUE(os::MakeFolders(folder_ + "/project"));
    project_ = folder_ + "/project";
    Write("in", "input");
    Boot();
  }
  ~PipelinesTest() override {
    pool_->Stop();
    (void)os::RemoveTree(folder_);
  }

  // A server over the same database and engine; called again it is the server after a kill.
  void Boot() {
    if (pool_) pool_->Stop();
    pipelines_.reset();
    jobs_.reset();
    pool_ = std::make_unique<os::WorkPool>("test", 2);
    const auto wake = [this] {
      std::lock_guard lock(mutex_);
      woken_ = true;
      condition_.notify_all();
    };
    jobs::Options options;
    options.queues = {{"local", {8, 1LL << 40}}};
    options.wake = wake;
    jobs_ = std::make_unique<jobs::Jobs>(*database_, clock_, engine_, *pool_, std::move(options));
    pipelines_ = std::make_unique<Pipelines>(*database_, clock_, *jobs_, *pool_,
                                             Options{folder_ + "/workspaces", wake, nullptr});
    ASSERT_TRUE(jobs_->Recover(false));
    ASSERT_TRUE(pipelines_->Recover());
    wake();
  }

  void Tick() {
    const control::Moment moment{clock_.Now(), clock_.Now()};
    pipelines_->Tick(moment);
    jobs_->Tick(moment);
  }

  // Ticks whenever something wakes us, until `done`.
  template <class Done>
  void TickUntil(Done done) {
    for (int i = 0; i < 2000; ++i) {
      Tick();
      if (done()) return;
      std::unique_lock lock(mutex_);
      auto until = os::Stopwatch::Now() + std::chrono::seconds(5);
      for (control::Planner* planner :
           std::initializer_list<control::Planner*>{pipelines_.get(), jobs_.get()}) {
        if (const auto poll = planner->NextPoll()) until = std::min(until, *poll);
      }
      condition_.wait_until(lock, until, [&] { return woken_; });
      woken_ = false;
    }
    FAIL() << "it did not come to an end";
  }

  void Write(const std::string& name, const std::string& text) {
    ASSERT_TRUE(os::WriteFile(project_ + "/" + name, text));
  }
  Result<Started> TryStart(RunRequest request) {
    request.folder = project_;
    const auto checked = TRY(pipelines_->Check(request));
    return database_->Write([&](db::Tx& tx) { return pipelines_->Start(tx, request, checked); });
  }
  PipelineRunId Start(RunRequest request = {}) {
    auto started = TryStart(std::move(request));
    EXPECT_TRUE(started) << (started ? "" : started.error().message);
    return started ? started->id : PipelineRunId();
  }
  pipelines::Run Get(const PipelineRunId& id) {
    auto run = database_->Read([&](db::Reader& reader) { return Pipelines::Get(reader, id); });
    EXPECT_TRUE(run);
    return run.value_or(pipelines::Run());
  }
  pipelines::Run RunToEnd(RunRequest request = {}) {
    const PipelineRunId id = Start(std::move(request));
    TickUntil([&] { return Get(id).state != RunState::kRunning; });
    return Get(id);
  }
  static std::string States(const pipelines::Run& run) {
    std::string out;
    for (const StageRow& stage : run.stages) {
      out += (out.empty() ? "" : " ") + stage.name + "=" + stage.state;
    }
    return out;
  }

  const std::string folder_;
  std::string project_;
  std::unique_ptr<db::Database> database_ = db::Database::OpenForTest();
  os::ManualClock clock_{FromMicros(1'000'000)};
  FakeEngine engine_;
  std::unique_ptr<os::WorkPool> pool_;
  std::unique_ptr<jobs::Jobs> jobs_;
  std::unique_ptr<Pipelines> pipelines_;
  std::mutex mutex_;
  std::condition_variable condition_;
  bool woken_ = false;
};

constexpr char kTwo[] =
    "stages:\n"
    "  one: {cmd: cp in mid, deps: [in], outs: [mid]}\n"
    "  two: {cmd: cp mid out, deps: [mid], outs: [out]}\n";

TEST_F(PipelinesTest, Run_RecordsStagesAndTheNextOneSkipsThem) {
  Write("dvc.yaml", kTwo);
  pipelines::Run run = RunToEnd();
  EXPECT_EQ(run.state, RunState::kSucceeded) << run.reason;
  EXPECT_EQ(States(run), "one=SUCCEEDED two=SUCCEEDED");
  EXPECT_EQ(run.stages[0].why, "it has not run yet");
  EXPECT_TRUE(os::Exists(project_ + "/dvc.lock"));
  EXPECT_EQ(States(RunToEnd()), "one=SKIPPED two=SKIPPED");
  Write("in", "other");
  run = RunToEnd();
  EXPECT_EQ(States(run), "one=SUCCEEDED two=SUCCEEDED");
  EXPECT_EQ(run.stages[0].why, "in changed");
  EXPECT_EQ(run.stages[1].why, "mid changed");
  Write("in", "input");  // both are in the run cache
  EXPECT_EQ(States(RunToEnd()), "one=CACHED two=CACHED");
  EXPECT_EQ(engine_.starts("one"), 2);
}

TEST_F(PipelinesTest, Events_HangTogether) {
  Write("dvc.yaml", kTwo);
  const pipelines::Run run = RunToEnd();
  const auto found = database_->Read([&](db::Reader& reader) {
    return events::List(reader, {.source = "tatara.pipelines", .subject = run.id.value});
  });
  ASSERT_TRUE(found);
  std::string types;
  for (const events::Event& event : *found) types += event.type + " ";
  EXPECT_EQ(types, "run_started stage_finished stage_finished run_finished ");
  for (size_t i = 1; i < found->size(); ++i) EXPECT_EQ((*found)[i].cause, run.event);
}

TEST_F(PipelinesTest, Failure_BlocksAndNamesTheStage) {
  Write("dvc.yaml",
        "stages:\n  bad: {cmd: fail, outs: [x]}\n  after: {cmd: cp x y, deps: [x], outs: [y]}\n"
        "  liar: {cmd: touch other, deps: [y], outs: [z]}\n");
  const pipelines::Run run = RunToEnd();
  EXPECT_EQ(run.state, RunState::kFailed);
  EXPECT_EQ(run.reason, "stage 'bad' failed: exit code 3");
  EXPECT_EQ(States(run), "bad=FAILED after=BLOCKED liar=BLOCKED");
  EXPECT_FALSE(os::Exists(project_ + "/dvc.lock"));
}

TEST_F(PipelinesTest, OutputThatWasNotMade_FailsTheStage) {
  Write("dvc.yaml", "stages:\n  liar: {cmd: touch other, outs: [z]}\n");
  const pipelines::Run run = RunToEnd();
  EXPECT_EQ(run.state, RunState::kFailed);
  EXPECT_EQ(run.stages[0].why, "the output 'z' was not made");
}

TEST_F(PipelinesTest, KilledWhileAStageRuns_GoesOnWithoutRunningItAgain) {
  Write(
      "dvc.yaml",
      "stages:\n  slow: {cmd: hang x, outs: [x]}\n  after: {cmd: cp x y, deps: [x], outs: [y]}\n");
  const PipelineRunId id = Start();
  TickUntil([&] { return engine_.hangs(); });
  Boot();
  TickUntil([&] { return Get(id).stages[0].state == "RUNNING"; });
  engine_.EndHanging();
  Boot();  // its end is news that the next server reads from the job
  TickUntil([&] { return Get(id).state != RunState::kRunning; });
  EXPECT_EQ(States(Get(id)), "slow=SUCCEEDED after=SUCCEEDED");
  EXPECT_EQ(engine_.starts("slow"), 1);
  EXPECT_EQ(engine_.starts("after"), 1);
}

TEST_F(PipelinesTest, DefinitionChangedWhileDown_FailsTheRun) {
  Write("dvc.yaml", "stages:\n  slow: {cmd: hang x, outs: [x]}\n");
  const PipelineRunId id = Start();
  TickUntil([&] { return engine_.hangs(); });
  Boot();
  Write("dvc.yaml", "stages:\n  slow: {cmd: hang y, outs: [y]}\n");
  TickUntil([&] { return Get(id).state != RunState::kRunning; });
  EXPECT_NE(Get(id).reason.find("definition was changed"), std::string::npos);
}

TEST_F(PipelinesTest, Start_JoinsTheSameAndRefusesAnother) {
  Write("dvc.yaml",
        "stages:\n  slow: {cmd: hang x, outs: [x]}\n  one: {cmd: cp in mid, deps: [in], outs: "
        "[mid]}\n");
  const PipelineRunId id = Start();
  const auto same = TryStart({});
  ASSERT_TRUE(same);
  EXPECT_TRUE(same->joined);
  EXPECT_EQ(same->id, id);
  const auto other = TryStart({.targets = {"one"}});
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code, Code::kConflict);
  EXPECT_NE(other.error().message.find(id.value), std::string::npos);
}

TEST_F(PipelinesTest, Cancel_EndsJobsAndIsFinal) {
  Write(
      "dvc.yaml",
      "stages:\n  slow: {cmd: hang x, outs: [x]}\n  after: {cmd: cp x y, deps: [x], outs: [y]}\n");
  const PipelineRunId id = Start();
  TickUntil([&] { return engine_.hangs(); });
  ASSERT_TRUE(database_->Write([&](db::Tx& tx) { return pipelines_->Cancel(tx, id); }));
  TickUntil([&] { return Get(id).state != RunState::kRunning; });
  EXPECT_EQ(Get(id).state, RunState::kCancelled);
  EXPECT_EQ(States(Get(id)), "slow=CANCELLED after=CANCELLED");
  const auto again = database_->Write([&](db::Tx& tx) { return pipelines_->Cancel(tx, id); });
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, Code::kConflict);
}

TEST_F(PipelinesTest, Release_EndsTheRunOnce) {
  Write("dvc.yaml", kTwo);
  RunRequest request;
  request.release = Json::Of({{"model", "m"}});
  request.platform = true;
  const PipelineRunId id = Start(request);
  TickUntil([&] { return Get(id).state != RunState::kRunning; });
  EXPECT_EQ(Get(id).state, RunState::kReleasing);
  EXPECT_TRUE(pipelines_->Busy());
  for (const bool ok : {true, false}) {  // the repeat changes nothing
    ASSERT_TRUE(database_->Write([&](db::Tx& tx) {
      return pipelines_->FinishRelease(tx, id, ok, "no", Json::Of({{"version", 1}}));
    }));
  }
  Tick();
  EXPECT_FALSE(pipelines_->Busy());
  EXPECT_EQ(Get(id).state, RunState::kSucceeded);
  EXPECT_EQ(Get(id).release_result.Find("version")->AsInt(), 1);
}

TEST_F(PipelinesTest, Workspace_LeavesTheFolderAloneAndKeyIsTheSameRun) {
  Write("dvc.yaml", "stages:\n  p: {cmd: cp params.yaml out, params: [a.b], outs: [out]}\n");
  Write("params.yaml", "a: {b: 1}  # kept\n");
  RunRequest request;
  request.folder = project_;
  request.workspace = true;
  request.key = "delivery-1";
  request.params["a.b"] = Json(7);
  const auto start = [&] {
    return database_->Write([&](db::Tx& tx) { return pipelines_->Start(tx, request, nullptr); });
  };
  const auto started = start();
  ASSERT_TRUE(started) << started.error().message;
  TickUntil([&] { return Get(started->id).state != RunState::kRunning; });
  const pipelines::Run run = Get(started->id);
  EXPECT_EQ(run.state, RunState::kSucceeded) << run.reason;
  EXPECT_EQ(*os::ReadFile(run.work_folder + "/out"), "a: {b: 7}  # kept\n");
  EXPECT_EQ(*os::ReadFile(project_ + "/params.yaml"), "a: {b: 1}  # kept\n");
  EXPECT_FALSE(os::Exists(project_ + "/dvc.lock"));
  const auto again = start();
  ASSERT_TRUE(again);
  EXPECT_TRUE(again->joined);
  EXPECT_EQ(again->id, started->id);
}

TEST_F(PipelinesTest, Workspaces_TheNewestFinishedOnesAndThoseThatRunStay) {
  Write("dvc.yaml", "stages:\n  p: {cmd: touch out, outs: [out]}\n");
  RunRequest request;
  request.folder = project_;
  request.workspace = true;
  std::vector<std::string> roots;
  for (int i = 0; i < 6; ++i) {
    const auto started =
        database_->Write([&](db::Tx& tx) { return pipelines_->Start(tx, request, nullptr); });
    ASSERT_TRUE(started);
    TickUntil([&] { return Get(started->id).state != RunState::kRunning; });
    roots.push_back(folder_ + "/workspaces/" + started->id.value);
  }
  // The sixth was made when five had finished.
  const bool stands[] = {false, false, true, true, true, true};
  for (size_t i = 0; i < 6; ++i) EXPECT_EQ(os::Exists(roots[i]), stands[i]) << i;
}

TEST(Workspaces, Outlived_Table) {
  const auto run = [](const char* id, const char* pipeline, int64_t sequence, bool finished) {
    return WorkspaceRun{PipelineRunId(id), pipeline, sequence, finished};
  };
  const auto out = Outlived({run("a", "p", 1, true), run("b", "p", 2, false),
                             run("c", "p", 3, true), run("d", "q", 4, true), run("e", "p", 5, true),
                             run("f", "p", 6, true), run("g", "p", 7, false)});
  EXPECT_EQ(out, std::vector<PipelineRunId>{PipelineRunId("a")});
}

TEST_F(PipelinesTest, BrokenGraphInAWorkspace_FailsTheRun) {
  Write("dvc.yaml",
        "stages:\n  a: {cmd: x, deps: [q], outs: [p]}\n  b: {cmd: x, deps: [p], outs: [q]}\n");
  EXPECT_EQ(TryStart({}).error().code, Code::kInvalid);
  RunRequest request;
  request.folder = project_;
  request.workspace = true;
  const auto started =
      database_->Write([&](db::Tx& tx) { return pipelines_->Start(tx, request, nullptr); });
  ASSERT_TRUE(started);
  TickUntil([&] { return Get(started->id).state != RunState::kRunning; });
  EXPECT_EQ(Get(started->id).state, RunState::kFailed);
  EXPECT_NE(Get(started->id).reason.find("circle"), std::string::npos);
}

TEST_F(PipelinesTest, UnknownQueue_FailsTheStageAndNotTheServer) {
  Write("dvc.yaml", "stages:\n  a: {cmd: touch x, outs: [x], meta: {queue: nowhere}}\n");
  const pipelines::Run run = RunToEnd();
  EXPECT_EQ(run.state, RunState::kFailed);
  EXPECT_NE(run.stages[0].why.find("no queue 'nowhere'"), std::string::npos);
}

TEST_F(PipelinesTest, Explain_DoesNothing) {
  Write("dvc.yaml", kTwo);
  RunRequest request;
  request.folder = project_;
  const auto explained = pipelines_->Explain(request);
  ASSERT_TRUE(explained);
  const auto& stages = explained->Find("stages")->AsArray();
  ASSERT_EQ(stages.size(), 2u);
  EXPECT_EQ(*stages[0].GetString("action"), "run");
  EXPECT_EQ(*stages[1].GetString("why"), "'one' runs first");
  EXPECT_FALSE(os::Exists(project_ + "/.dvc"));
}

}  // namespace
}  // namespace tatara::pipelines
