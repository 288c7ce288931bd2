#include "serving/batcher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "serving/batch.h"
#include "serving/load.h"

namespace tatara::serving {
namespace {

using inference::DataType;
using inference::Tensor;
using ::testing::ElementsAre;

// Answers x + 1, and remembers how many rows each run had.
class PlusOne : public inference::Model {
 public:
  const std::vector<inference::TensorInfo>& inputs() const override { return info_; }
  const std::vector<inference::TensorInfo>& outputs() const override { return info_; }
  std::optional<std::string> Metadata(const std::string&) const override { return std::nullopt; }
  Result<inference::RunOutput> Run(std::span<const Tensor> batch,
                                   std::span<const size_t>) const override {
    Tensor out = batch[0];
    for (double& value : out.As<double>()) {
      if (value < 0) return Invalid("no negative numbers");
      value += 1;
    }
    rows.push_back(out.shape[0]);
    return inference::RunOutput{{out}, {}};
  }
  mutable std::vector<int64_t> rows;

 private:
  std::vector<inference::TensorInfo> info_ = {{"x", DataType::kFp64, {-1, 1}}};
};

class BatcherTest : public testing::Test {
 protected:
  BatcherTest()
      : endpoint_(std::make_shared<Endpoint>(
            "e", std::make_shared<Capture>(testing::TempDir() + "none", "e", *database_, nullptr))),
        batcher_([this](std::function<void()> task) { tasks_.push_back(std::move(task)); }, 1,
                 [this](const Call&, const Result<inference::RunOutput>&) { ++answered_; }) {}

  std::shared_ptr<Version> MakeVersion(bool batches = true) {
    auto version = std::make_shared<Version>();
    version->model = model_;
    version->batches = batches;
    return version;
  }
  void Ask(const std::shared_ptr<const Version>& version, std::vector<double> values) {
    Call call;
    call.endpoint = endpoint_;
    call.version = version;
    Tensor tensor = Tensor::Make(DataType::kFp64, {static_cast<int64_t>(values.size()), 1});
    std::ranges::copy(values, tensor.As<double>().begin());
    call.rows = tensor.shape[0];
    call.inputs.push_back(std::move(tensor));
    const size_t place = answers_.size();
    answers_.emplace_back();
    call.done = [this, place](Result<inference::RunOutput> output) {
      if (!output) return;
      const auto numbers = output->outputs[0].As<double>();
      answers_[place].assign(numbers.begin(), numbers.end());
    };
    batcher_.Submit(std::move(call));
  }
  void WakeUp() {
    auto tasks = std::move(tasks_);
    tasks_.clear();
    for (auto& task : tasks) task();
  }

  std::unique_ptr<db::Database> database_ = db::Database::OpenForTest();
  std::shared_ptr<PlusOne> model_ = std::make_shared<PlusOne>();
  std::shared_ptr<Endpoint> endpoint_;
  std::vector<std::function<void()>> tasks_;
  std::vector<std::vector<double>> answers_;
  int answered_ = 0;
  Batcher batcher_;
};

TEST_F(BatcherTest, CallsOfOneWakeUpShareOneRun) {
  const auto version = MakeVersion();
  Ask(version, {1});
  Ask(version, {2, 3});
  Ask(version, {4});
  EXPECT_EQ(tasks_.size(), 1u);
  WakeUp();
  EXPECT_THAT(model_->rows, ElementsAre(4));
  EXPECT_THAT(answers_, ElementsAre(ElementsAre(2), ElementsAre(3, 4), ElementsAre(5)));
  EXPECT_EQ(answered_, 3);
  EXPECT_EQ(endpoint_->counters().runs, 1);
}

TEST_F(BatcherTest, VersionsDoNotMix) {
  const auto one = MakeVersion(), two = MakeVersion();
  Ask(one, {1});
  Ask(two, {2});
  Ask(one, {3});
  WakeUp();
  EXPECT_THAT(model_->rows, ElementsAre(2, 1));
  EXPECT_THAT(answers_, ElementsAre(ElementsAre(2), ElementsAre(3), ElementsAre(4)));
}

TEST_F(BatcherTest, AModelWhoseRowsTouchRunsAlone) {
  const auto version = MakeVersion(false);
  Ask(version, {1});
  Ask(version, {2});
  WakeUp();
  EXPECT_THAT(model_->rows, ElementsAre(1, 1));
}

TEST_F(BatcherTest, OneBadRequestDoesNotSpoilTheOthers) {
  const auto version = MakeVersion();
  Ask(version, {1});
  Ask(version, {-2});
  Ask(version, {3});
  WakeUp();
  EXPECT_THAT(answers_, ElementsAre(ElementsAre(2), ElementsAre(), ElementsAre(4)));
  EXPECT_EQ(answered_, 3);
}

TEST_F(BatcherTest, SlowModelsRunOnInferThreads) {
  const auto version = MakeVersion();
  version->cost.Add(1, 50'000'000);
  Ask(version, {1});
  WakeUp();
  batcher_.Stop();
  EXPECT_THAT(answers_, ElementsAre(ElementsAre(2)));
}

TEST_F(BatcherTest, StopAnswersWhatWaits) {
  Ask(MakeVersion(), {1});
  batcher_.Stop();
  EXPECT_THAT(answers_, ElementsAre(ElementsAre(2)));
}

TEST(GroupCalls, ShapesThatDifferBehindTheRowsStayApart) {
  const auto version = std::make_shared<Version>();
  version->batches = true;
  std::vector<Call> calls(3);
  const std::vector<std::vector<int64_t>> shapes = {{1, 2}, {1, 3}, {4, 2}};
  for (size_t i = 0; i < 3; ++i) {
    calls[i].version = version;
    calls[i].inputs.push_back(Tensor::Make(DataType::kFp32, shapes[i]));
  }
  EXPECT_THAT(GroupCalls(calls), ElementsAre(ElementsAre(0, 2), ElementsAre(1)));
}

TEST(SplitRows, AnOutputWithOtherRowsIsRefused) {
  const inference::RunOutput output{{Tensor::Make(DataType::kFp32, {3, 1})}, {}};
  EXPECT_FALSE(SplitRows(output, std::vector<int64_t>{1, 1}));
  EXPECT_TRUE(SplitRows(output, std::vector<int64_t>{1, 2}));
}

class LoadVersionTest : public testing::Test {
 protected:
  std::shared_ptr<Version> Load(const std::string& name, std::vector<std::string> signature = {}) {
    auto store = artifacts::OpenLocalStore(TATARA_TEST_DATA);
    auto version = LoadVersion(**store, {name, name + ".onnx", std::move(signature)}, "e", "1");
    EXPECT_TRUE(version) << (version ? "" : version.error().message);
    return version ? *version : nullptr;
  }
  static std::vector<std::string> Columns(const Version& version) {
    std::vector<std::string> names;
    for (const auto& column : version.layout.columns) names.push_back(column.name);
    return names;
  }
};

TEST_F(LoadVersionTest, RowsThatAreApart_MayBeBatched) {
  EXPECT_TRUE(Load("regressor")->batches);
  EXPECT_TRUE(Load("several")->batches);
  EXPECT_TRUE(Load("types")->batches);
  EXPECT_TRUE(Load("classifier")->batches);
  EXPECT_FALSE(Load("centred")->batches);
}

TEST_F(LoadVersionTest, CapturesBoundColumnsByName) {
  EXPECT_THAT(Columns(*Load("regressor")), ElementsAre("a", "b", "c"));
  EXPECT_THAT(Columns(*Load("several")), ElementsAre("x", "n", "flag"));
  const auto version = Load("types");
  EXPECT_EQ(version->layout.texts, 1u);
  EXPECT_TRUE(version->layout.columns.back().text);
}

TEST_F(LoadVersionTest, ColumnsNobodyNamesAreNumbered) {
  const auto version = Load("nameless");
  EXPECT_FALSE(version->binding);
  EXPECT_THAT(Columns(*version), ElementsAre("m_0", "m_1"));
}

TEST_F(LoadVersionTest, ColumnsThatWouldHideOthersAreRenamed) {
  EXPECT_THAT(Columns(*Load("regressor", {"truth", "temp", "TEMP"})),
              ElementsAre("input_truth", "temp", "input_TEMP"));
}

}  // namespace
}  // namespace tatara::serving
