#include "serving/serving.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <future>
#include <memory>

#include "events/events.h"
#include "os/os.h"
#include "registry/registry.h"
#include "serving/store.h"

namespace tatara::serving {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const Time kNow = *ParseTime("2026-01-01T00:00:00Z");

class ServingTest : public testing::Test {
 protected:
  ServingTest() {
    home_ = testing::TempDir() + "serving-" + std::to_string(os::RandomU64());
    store_ = *artifacts::OpenLocalStore(home_ + "/artifacts");
    EXPECT_TRUE(
        database_->Write([](db::Tx& tx) { return registry::EnsureModel(tx, "delay", kNow); }));
    Open();
  }
  ~ServingTest() override {
    Close();
    (void)os::RemoveTree(home_);
  }

  void Open() {
    pool_ = std::make_unique<os::WorkPool>("work", 2);
    Options options;
    options.home = home_;
    options.wake = [this] {
      std::lock_guard lock(mutex_);
      woken_ = true;
      wake_.notify_all();
    };
    serving_ = std::make_unique<Serving>(*database_, *store_, clock_, *pool_, options);
    const Status recovered = serving_->Recover();
    EXPECT_TRUE(recovered) << recovered.error().message;
  }
  void Close() {
    pool_->Stop();
    serving_.reset();
  }
  template <class Fn>
  auto Write(Fn fn) {
    return database_->Write([&](db::Tx& tx) { return fn(tx); });
  }

  // Registers the file as the model's next version, as a model that a run logged.
  int64_t Register(const std::string& bytes) {
    const auto run = Write([](db::Tx& tx) { return tracking::CreateRun(tx, {}, kNow); });
    const std::string source = run->info.artifact_uri + "/model";
    folder_ = *artifacts::PathOfUri(source);
    EXPECT_TRUE(store_->WriteAll(folder_ + "/model.onnx", bytes));
    const auto version = Write([&](db::Tx& tx) {
      return registry::CreateVersion(
          tx, {.name = "delay", .source = source, .run_id = run->info.id.value}, kNow);
    });
    EXPECT_TRUE(version) << (version ? "" : version.error().message);
    return version ? version->version : 0;
  }
  static std::string Model(const std::string& name = "regressor") {
    return *os::ReadFile(std::string(TATARA_TEST_DATA) + "/" + name + ".onnx");
  }
  EventId Move(int64_t version) {
    const auto alias = Write([&](db::Tx& tx) {
      return registry::SetAlias(tx, {.model = "delay", .alias = "champion", .version = version},
                                kNow);
    });
    EXPECT_TRUE(alias);
    return alias ? alias->event : EventId();
  }
  Status Apply(std::vector<EndpointSpec> specs, std::string project = "p") {
    return Write([&](db::Tx& tx) { return Serving::SetEndpoints(tx, project, specs, kNow); });
  }
  Status ApplyOne(int64_t keep = 3) { return Apply({{"e", "models:/delay@champion", 100, keep}}); }

  void Settle() {
    for (;;) {
      serving_->Tick({});
      if (!serving_->Busy()) return;
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return woken_; });
      woken_ = false;
    }
  }
  std::string DefaultVersion() {
    const auto endpoint = serving_->Find("e");
    if (!endpoint) return endpoint.error().message;
    const auto version = (*endpoint)->Pick();
    return version ? (*version)->name : version.error().message;
  }
  EndpointStatus StatusOf() { return serving_->List()->at(0); }
  std::vector<std::string> EventTypes() {
    const auto found = database_->Read(
        [](db::Reader& reader) { return events::List(reader, {.source = "tatara.deploy"}); });
    std::vector<std::string> types;
    for (const auto& event : *found) types.push_back(event.type);
    return types;
  }
  events::Event LastEvent() {
    return database_
        ->Read([](db::Reader& reader) {
          return events::List(reader,
                              {.source = "tatara.deploy", .limit = 1, .newest_first = true});
        })
        ->at(0);
  }
  Result<inference::RunOutput> Ask(const std::string& id = "id") {
    Call call;
    call.endpoint = *serving_->Find("e");
    call.version = TRY(call.endpoint->Pick());
    inference::Tensor tensor = inference::Tensor::Make(inference::DataType::kFp32, {1, 3});
    tensor.As<float>()[0] = 5;
    call.inputs.push_back(std::move(tensor));
    call.cells.numbers = {5, 0, 0};
    call.inference_id = id;
    call.event_time = kNow;
    // A model that was slow once (under a sanitizer) is run by another thread.
    auto answer = std::make_shared<std::promise<Result<inference::RunOutput>>>();
    auto coming = answer->get_future();
    call.done = [answer](Result<inference::RunOutput> output) {
      answer->set_value(std::move(output));
    };
    serving_->Submit(std::move(call));
    if (coming.wait_for(std::chrono::seconds(20)) != std::future_status::ready) {
      return Internal("no answer");
    }
    return coming.get();
  }

  std::string home_;
  std::unique_ptr<db::Database> database_ = db::Database::OpenForTest();
  std::unique_ptr<artifacts::Store> store_;
  os::ManualClock clock_{kNow};
  std::mutex mutex_;
  std::condition_variable wake_;
  bool woken_ = false;
  std::string folder_;  // of the model that was registered last
  std::unique_ptr<os::WorkPool> pool_;
  std::unique_ptr<Serving> serving_;
};

TEST_F(ServingTest, WithoutItsAlias_WaitsAndNamesIt) {
  ASSERT_TRUE(ApplyOne());
  Settle();
  EXPECT_EQ(StatusOf().state, "WAITING");
  EXPECT_THAT(DefaultVersion(), HasSubstr("models:/delay has no alias 'champion'"));
  EXPECT_TRUE(serving_->Settled());
}

TEST_F(ServingTest, FollowsItsAlias) {
  ASSERT_TRUE(ApplyOne());
  Move(Register(Model()));
  EXPECT_FALSE(serving_->IsDeployed("delay", "champion"));
  Settle();
  EXPECT_EQ(DefaultVersion(), "1");
  EXPECT_TRUE(serving_->IsDeployed("delay", "champion"));
  const EventId moved = Move(Register(Model()));
  Settle();
  EXPECT_EQ(DefaultVersion(), "2");
  EXPECT_THAT(StatusOf().versions, ElementsAre("2", "1"));
  EXPECT_EQ(LastEvent().cause, moved);
  EXPECT_EQ(LastEvent().subject, "e");
  EXPECT_EQ(*LastEvent().detail.GetString("model_version"), "models:/delay/2");
  EXPECT_THAT(EventTypes(), ElementsAre("endpoint_created", "deployed", "deployed"));
}

TEST_F(ServingTest, AModelThatDoesNotLoad_LeavesTheOldOneLive) {
  ASSERT_TRUE(ApplyOne());
  Move(Register(Model()));
  Settle();
  const EventId moved = Move(Register("rubbish"));
  Settle();
  EXPECT_EQ(DefaultVersion(), "1");
  EXPECT_EQ(LastEvent().type, "deploy_failed");
  EXPECT_EQ(LastEvent().cause, moved);
  EXPECT_TRUE(serving_->Settled());
  const size_t events = EventTypes().size();
  Settle();
  EXPECT_EQ(EventTypes().size(), events);
}

TEST_F(ServingTest, KeepsTheNewestVersions) {
  ASSERT_TRUE(ApplyOne(2));
  for (int i = 0; i < 3; ++i) {
    Move(Register(Model()));
    Settle();
  }
  EXPECT_THAT(StatusOf().versions, ElementsAre("3", "2"));
  const auto endpoint = *serving_->Find("e");
  EXPECT_TRUE(endpoint->Pick("2"));
  EXPECT_EQ(endpoint->Pick("1").error().code, Code::kNotFound);
}

TEST_F(ServingTest, ARequestFinishesOnItsVersion_ThoughItIsRetired) {
  ASSERT_TRUE(ApplyOne(1));
  Move(Register(Model()));
  Settle();
  const auto held = *(*serving_->Find("e"))->Pick();
  Move(Register(Model()));
  Settle();
  EXPECT_EQ(DefaultVersion(), "2");
  EXPECT_EQ(held->name, "1");
  EXPECT_TRUE(
      held->model->Run(std::vector{inference::Tensor::Make(inference::DataType::kFp32, {1, 3})}));
}

TEST_F(ServingTest, AfterARestart_AnswersAtOnce) {
  ASSERT_TRUE(ApplyOne());
  Move(Register(Model()));
  Settle();
  Move(Register(Model()));
  Settle();
  const size_t events = EventTypes().size();
  Close();
  Open();
  EXPECT_EQ(DefaultVersion(), "2");
  Settle();
  EXPECT_TRUE((*serving_->Find("e"))->Pick("1"));
  EXPECT_EQ(EventTypes().size(), events);
}

TEST_F(ServingTest, AVersionThatIsGoneAfterARestart_FallsBack) {
  ASSERT_TRUE(ApplyOne());
  Move(Register(Model()));
  Settle();
  Move(Register(Model()));
  Settle();
  Close();
  ASSERT_TRUE(store_->Delete(folder_));
  Open();
  Settle();
  EXPECT_EQ(DefaultVersion(), "1");
  EXPECT_EQ(LastEvent().type, "deploy_failed");
}

TEST_F(ServingTest, Deploy_MakesTheEndpointAndAnswersWithTheVersion) {
  Register(Model());
  const auto deployed = serving_->Deploy({"e", "models:/delay/1", ""});
  ASSERT_TRUE(deployed) << deployed.error().message;
  EXPECT_EQ(deployed->version, "1");
  EXPECT_EQ(DefaultVersion(), "1");
  Settle();
  EXPECT_EQ(DefaultVersion(), "1");
}

TEST_F(ServingTest, Deploy_AnOlderVersionMakesItTheDefaultAgain) {
  ASSERT_TRUE(ApplyOne());
  Move(Register(Model()));
  Settle();
  Move(Register(Model()));
  Settle();
  ASSERT_TRUE(serving_->Deploy({"e", "models:/delay/1", ""}));
  Settle();
  EXPECT_EQ(DefaultVersion(), "1");
  Move(Register(Model()));
  Settle();
  EXPECT_EQ(DefaultVersion(), "3");
}

TEST_F(ServingTest, Deploy_AnAliasIsFollowed) {
  Move(Register(Model()));
  ASSERT_TRUE(serving_->Deploy({"e", "models:/delay@champion", ""}));
  Move(Register(Model()));
  Settle();
  EXPECT_EQ(DefaultVersion(), "2");
}

TEST_F(ServingTest, Deploy_FilesAreNumbered) {
  ASSERT_TRUE(store_->WriteAll("f.onnx", Model()));
  EXPECT_EQ(serving_->Deploy({"e", "f.onnx", "f.onnx"})->version, "1");
  EXPECT_EQ(serving_->Deploy({"e", "f.onnx", "f.onnx"})->version, "2");
  EXPECT_EQ(DefaultVersion(), "2");
}

TEST_F(ServingTest, Deploy_AnotherModelIsAConflict) {
  Register(Model());
  ASSERT_TRUE(serving_->Deploy({"e", "models:/delay/1", ""}));
  ASSERT_TRUE(store_->WriteAll("f.onnx", Model()));
  EXPECT_EQ(serving_->Deploy({"e", "f.onnx", "f.onnx"}).error().code, Code::kConflict);
  EXPECT_EQ(DefaultVersion(), "1");
}

TEST_F(ServingTest, Deploy_ACorruptFileIsRefusedAndTold) {
  ASSERT_TRUE(store_->WriteAll("f.onnx", "rubbish"));
  EXPECT_EQ(serving_->Deploy({"e", "f.onnx", "f.onnx"}).error().code, Code::kInvalid);
  EXPECT_EQ(LastEvent().type, "deploy_failed");
  EXPECT_FALSE(serving_->Find("e"));
}

TEST_F(ServingTest, Deploy_WhatIsNotThereIsNotFound) {
  EXPECT_EQ(serving_->Deploy({"e", "models:/delay/9", ""}).error().code, Code::kNotFound);
  EXPECT_EQ(serving_->Deploy({"e", "models:/delay@champion", ""}).error().code, Code::kNotFound);
  EXPECT_EQ(serving_->Deploy({"../e", "models:/delay/1", ""}).error().code, Code::kInvalid);
}

TEST_F(ServingTest, SetEndpoints_TwiceIsOnce) {
  ASSERT_TRUE(ApplyOne());
  ASSERT_TRUE(ApplyOne());
  EXPECT_THAT(EventTypes(), ElementsAre("endpoint_created"));
}

TEST_F(ServingTest, SetEndpoints_RemovesWhatIsLeftOut) {
  ASSERT_TRUE(ApplyOne());
  Move(Register(Model()));
  Settle();
  ASSERT_TRUE(Apply({}));
  Settle();
  EXPECT_EQ(serving_->Find("e").error().code, Code::kNotFound);
  EXPECT_THAT(*serving_->List(), IsEmpty());
}

TEST_F(ServingTest, SetEndpoints_AnotherProjectsNameIsAConflict) {
  ASSERT_TRUE(ApplyOne());
  EXPECT_EQ(Apply({{"e", "models:/delay@champion", 100, 3}}, "q").error().code, Code::kConflict);
  EXPECT_EQ(Apply({{"e", "models:/other@champion", 100, 3}}).error().code, Code::kConflict);
}

TEST_F(ServingTest, AnswersAreCaptured) {
  ASSERT_TRUE(ApplyOne());
  Move(Register(Model()));
  Settle();
  ASSERT_TRUE(Ask("one"));
  const auto rows = serving_->Window("e", kNow, kNow + Duration(1));
  ASSERT_TRUE(rows) << rows.error().message;
  EXPECT_THAT(rows->Find("inference_id")->texts, ElementsAre("one"));
  EXPECT_THAT(rows->Find("a")->doubles, ElementsAre(5));
  EXPECT_THAT(rows->Find("prediction")->doubles, ElementsAre(5));
  EXPECT_EQ((*serving_->Find("e"))->counters().requests, 1);
}

TEST_F(ServingTest, NewInferenceIdsDiffer) {
  EXPECT_NE(serving_->NewInferenceId(), serving_->NewInferenceId());
  EXPECT_EQ(serving_->NewInferenceId().size(), 15u);
}

}  // namespace
}  // namespace tatara::serving
