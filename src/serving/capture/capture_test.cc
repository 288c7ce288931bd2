#include "serving/capture/capture.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <set>

#include "os/files.h"
#include "os/random.h"
#include "serving/capture/files.h"
#include "serving/capture/view.h"
#include "sql/sql.h"

namespace tatara::serving {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

const Time kMorning = *ParseTime("2013-04-01T08:00:00Z");
constexpr Duration kDay = std::chrono::hours(24);

class FakeModel : public inference::Model {
 public:
  const std::vector<inference::TensorInfo>& inputs() const override { return none_; }
  const std::vector<inference::TensorInfo>& outputs() const override { return none_; }
  std::optional<std::string> Metadata(const std::string&) const override { return std::nullopt; }
  Result<inference::RunOutput> Run(std::span<const inference::Tensor>,
                                   std::span<const size_t>) const override {
    return inference::RunOutput{};
  }

 private:
  std::vector<inference::TensorInfo> none_;
};

std::shared_ptr<const Version> MakeVersion(std::string name, Layout layout) {
  auto version = std::make_shared<Version>();
  version->name = std::move(name);
  version->model = std::make_shared<FakeModel>();
  version->layout = std::move(layout);
  return version;
}

const Layout kLayout{{{"temp", false}, {"city", true}}, 1};

class CaptureTest : public testing::Test {
 protected:
  CaptureTest() {
    home_ = testing::TempDir() + "capture-" + std::to_string(os::RandomU64());
    Open();
  }
  ~CaptureTest() override {
    capture_.reset();
    (void)os::RemoveTree(home_);
  }
  void Open() {
    capture_ = std::make_unique<Capture>(home_ + "/capture/delay", "delay", *database_, nullptr);
    EXPECT_TRUE(capture_->Recover());
  }
  void Add(const std::string& id, Time time, double temp, double prediction,
           std::string version = "1") {
    Call call;
    call.version = MakeVersion(std::move(version), kLayout);
    call.inference_id = id;
    call.event_time = time;
    call.cells.numbers = {temp, NAN};
    call.cells.texts = {"Oslo"};
    inference::Tensor tensor = inference::Tensor::Make(inference::DataType::kFp64, {1, 1});
    tensor.As<double>()[0] = prediction;
    capture_->Append(call, {{tensor}, {}}, counters_);
  }
  TruthCounts AddTruth(const std::string& id, std::string value) {
    return *capture_->AppendTruths({{id, std::move(value), kMorning + kDay}}, counters_);
  }
  sql::Table Rows(Time from = kMorning - kDay, Time to = kMorning + 10 * kDay) {
    auto table = capture_->Window(from, to);
    EXPECT_TRUE(table) << (table ? "" : table.error().message);
    return table ? *std::move(table) : sql::Table{};
  }
  // The view as `tatara sql` sees it, from the files alone.
  sql::Table Sql(const std::string& query) {
    EXPECT_TRUE(capture_->Flush(false));
    sql::SqlCommand command{.query = query, .folder = home_};
    EXPECT_TRUE(AddCaptureViews(home_, command));
    auto result = sql::RunSqlCommand(command);
    EXPECT_TRUE(result) << (result ? "" : result.error().message);
    return result ? std::move(result->table) : sql::Table{};
  }

  std::string home_;
  std::unique_ptr<db::Database> database_ = db::Database::OpenForTest();
  EndpointCounters counters_;
  std::unique_ptr<Capture> capture_;
};

TEST_F(CaptureTest, Window_GivesRowsOfTheTimeWithTheirTruth) {
  Add("a", kMorning, 38.5, 7);
  Add("b", kMorning + kDay, NAN, 8, "2");
  AddTruth("a", "6.5");
  const sql::Table rows = Rows(kMorning, kMorning + kDay);
  ASSERT_EQ(rows.rows(), 1u);
  EXPECT_THAT(rows.Find("inference_id")->texts, ElementsAre("a"));
  EXPECT_THAT(rows.Find("event_time")->ints, ElementsAre(ToMicros(kMorning)));
  EXPECT_THAT(rows.Find("model_version")->texts, ElementsAre("1"));
  EXPECT_THAT(rows.Find("temp")->doubles, ElementsAre(38.5));
  EXPECT_THAT(rows.Find("city")->texts, ElementsAre("Oslo"));
  EXPECT_THAT(rows.Find("prediction")->doubles, ElementsAre(7));
  EXPECT_THAT(rows.Find("truth")->doubles, ElementsAre(6.5));
}

TEST_F(CaptureTest, Window_MissingValuesAndTruthsAreNotValid) {
  Add("b", kMorning, NAN, 8);
  const sql::Table rows = Rows();
  EXPECT_THAT(rows.Find("temp")->valid, ElementsAre(0));
  EXPECT_THAT(rows.Find("truth")->valid, ElementsAre(0));
}

TEST_F(CaptureTest, TheFirstRowOfAnIdWins) {
  Add("a", kMorning, 1, 10);
  Add("a", kMorning, 2, 20);
  EXPECT_THAT(Rows().Find("prediction")->doubles, ElementsAre(10));
  EXPECT_EQ(counters_.repeated_ids, 1);
  EXPECT_EQ(counters_.captured_rows, 1);
}

TEST_F(CaptureTest, UnknownAndRepeatedTruthsAreCounted) {
  Add("a", kMorning, 1, 10);
  EXPECT_EQ(AddTruth("a", "1").taken, 1);
  EXPECT_EQ(AddTruth("a", "2").repeated, 1);
  EXPECT_EQ(AddTruth("z", "3").unknown, 1);
  EXPECT_THAT(Rows().Find("truth")->doubles, ElementsAre(1));
}

TEST_F(CaptureTest, TextTruthsMakeATextColumn) {
  Add("a", kMorning, 1, 10);
  Add("b", kMorning, 1, 10);
  AddTruth("a", "1.5");
  AddTruth("b", "late");
  EXPECT_THAT(Rows().Find("truth")->texts, ElementsAre("1.5", "late"));
}

TEST_F(CaptureTest, WhatWasFlushed_IsThereAfterARestart) {
  Add("a", kMorning, 1, 10);
  AddTruth("a", "9");
  Open();
  EXPECT_THAT(Rows().Find("truth")->doubles, ElementsAre(9));
  Add("a", kMorning, 1, 11);
  EXPECT_EQ(Rows().rows(), 1u);
}

TEST_F(CaptureTest, ATornTail_IsLeftOutAndWhatFollowsIsKept) {
  Add("a", kMorning, 1, 10);
  ASSERT_TRUE(capture_->Flush(true));
  Add("b", kMorning, 2, 20);
  ASSERT_TRUE(capture_->Flush(true));
  const std::string path = JournalPath(home_ + "/capture/delay", 1);
  const std::string whole = *os::ReadFile(path);
  ASSERT_TRUE(os::WriteFile(path, whole.substr(0, whole.size() - 3)));
  Open();
  EXPECT_THAT(Rows().Find("inference_id")->texts, ElementsAre("a"));
  Add("c", kMorning, 3, 30);
  EXPECT_THAT(Rows().Find("inference_id")->texts, ElementsAre("a", "c"));
  Open();
  EXPECT_THAT(Rows().Find("inference_id")->texts, ElementsAre("a", "c"));
}

TEST_F(CaptureTest, AClosedDay_BecomesParquetAndItsJournalGoes) {
  Add("a", kMorning, 1, 10);
  AddTruth("a", "9");
  Add("b", kMorning + kDay, 2, 20);
  AddTruth("b", "19");
  ASSERT_TRUE(capture_->Flush(true));
  EXPECT_TRUE(capture_->HasClosed());
  Status converted = capture_->ConvertClosed();
  ASSERT_TRUE(converted) << converted.error().message;
  const std::string folder = home_ + "/capture/delay";
  EXPECT_THAT(*os::ListFolder(folder),
              ElementsAre("00000001.parquet", "00000001.truth.parquet", "00000002.journal"));
  const sql::Table rows = Sql("SELECT * FROM capture_delay ORDER BY event_time");
  std::vector<std::string> names;
  for (const auto& column : rows.columns) names.push_back(column.name);
  EXPECT_THAT(names, ElementsAre("inference_id", "event_time", "model_version", "temp", "city",
                                 "prediction", "truth"));
  EXPECT_THAT(rows.Find("inference_id")->texts, ElementsAre("a", "b"));
  EXPECT_THAT(rows.Find("truth")->doubles, ElementsAre(9, 19));
}

TEST_F(CaptureTest, WindowsOfConvertedDays_AreReadFromFilesAfterARestart) {
  Add("a", kMorning, 1, 10);
  Add("b", kMorning + kDay, 2, 20);
  ASSERT_TRUE(capture_->Flush(true));
  ASSERT_TRUE(capture_->ConvertClosed());
  Open();
  EXPECT_THAT(Rows(kMorning, kMorning + kDay).Find("prediction")->doubles, ElementsAre(10));
  // Truth for a row that only files have is kept all the same.
  AddTruth("a", "9.5");
  EXPECT_THAT(Rows(kMorning, kMorning + kDay).Find("truth")->doubles, ElementsAre(9.5));
}

TEST_F(CaptureTest, SqlSeesOpenJournals) {
  Add("a", kMorning, 1.5, 10);
  AddTruth("a", "9");
  const sql::Table rows = Sql("SELECT temp, truth FROM capture_delay");
  EXPECT_THAT(rows.Find("temp")->doubles, ElementsAre(1.5));
  EXPECT_THAT(rows.Find("truth")->doubles, ElementsAre(9));
}

TEST_F(CaptureTest, NothingIsCapturedOutsideTheSample) {
  capture_->SetSample(0);
  Add("a", kMorning, 1, 10);
  EXPECT_EQ(Rows().rows(), 0u);
  capture_->SetSample(50);
  for (int i = 0; i < 400; ++i) Add("id" + std::to_string(i), kMorning, 1, 10);
  EXPECT_GT(Rows().rows(), 120u);
  EXPECT_LT(Rows().rows(), 280u);
}

TEST_F(CaptureTest, RowsOfOneRequest_HaveTheirOwnIds) {
  Call call;
  call.version = MakeVersion("1", kLayout);
  call.inference_id = "r";
  call.event_time = kMorning;
  call.rows = 2;
  call.cells.numbers = {1, NAN, 2, NAN};
  call.cells.texts = {"x", "y"};
  inference::Tensor tensor = inference::Tensor::Make(inference::DataType::kBytes, {2});
  tensor.strings = {"yes", "no"};
  capture_->Append(call, {{tensor}, {}}, counters_);
  const sql::Table rows = Rows();
  EXPECT_THAT(rows.Find("inference_id")->texts, ElementsAre("r", "r#2"));
  EXPECT_THAT(rows.Find("city")->texts, ElementsAre("x", "y"));
  EXPECT_THAT(rows.Find("prediction")->texts, ElementsAre("yes", "no"));
}

TEST_F(CaptureTest, LastEventTime_IsTheGreatestInTheJournals) {
  EXPECT_EQ(LastEventTime(home_), std::nullopt);
  Add("a", kMorning + kDay, 1, 10);
  Add("b", kMorning, 1, 10);
  ASSERT_TRUE(capture_->Flush(false));
  EXPECT_EQ(LastEventTime(home_), kMorning + kDay);
}

TEST(RowStore, EvictsTheOldestBeyondItsLimit) {
  RowStore rows(2048);
  const Prediction prediction = 1.0;
  const std::vector<double> numbers = {1, 2};
  const std::vector<std::string> texts = {"x"};
  for (int64_t i = 0; i < 5000; ++i) {
    const std::string id = std::to_string(i);
    EXPECT_TRUE(rows.Add(kLayout, {i, i, id, "1", numbers, texts, {&prediction, 1}}));
  }
  EXPECT_LE(rows.rows(), 2048u);
  EXPECT_FALSE(rows.Has("0"));
  EXPECT_TRUE(rows.Has("4999"));
  EXPECT_GE(rows.evicted_until(), 5000 - 2048 - 1);
  EXPECT_EQ(rows.AddTruth("4999", "1"), RowStore::TruthResult::kTaken);
}

TEST(IdIndex, FindsWhatStandsAfterManyErasures) {
  IdIndex index;
  std::set<uint64_t> stand;
  // Few hashes, so that entries collide and move.
  const auto hash = [](uint64_t place) { return (place % 97) * 2 + 1; };
  for (uint64_t place = 0; place < 5000; ++place) {
    index.Insert(hash(place), place);
    stand.insert(place);
    if (place % 3 != 0) continue;
    const uint64_t victim = *stand.lower_bound(place / 2);
    index.Erase(hash(victim), victim);
    stand.erase(victim);
  }
  for (uint64_t place = 0; place < 5000; ++place) {
    const uint64_t found = index.Find(hash(place), [&](uint64_t p) { return p == place; });
    ASSERT_EQ(found, stand.contains(place) ? place : IdIndex::kNone) << place;
  }
}

TEST(RowStore, LayoutsOfSeveralVersions_AreJoinedByName) {
  RowStore rows;
  const Prediction prediction = 1.0;
  const std::vector<std::string> none;
  const std::vector<double> two = {1, 2}, one = {3};
  rows.Add({{{"a", false}, {"b", false}}, 0}, {1, 1, "x", "1", two, none, {&prediction, 1}});
  rows.Add({{{"b", false}}, 0}, {2, 2, "y", "2", one, none, {&prediction, 1}});
  const sql::Table table = rows.Window(0, 10);
  EXPECT_THAT(table.Find("a")->valid, ElementsAre(1, 0));
  EXPECT_THAT(table.Find("b")->doubles, ElementsAre(2, 3));
}

TEST_F(CaptureTest, AFullDisk_KeepsRowsInMemory_ThenDropsAndCountsThem) {
  ASSERT_TRUE(os::MakeFolders(home_ + "/capture/delay"));
  ASSERT_EQ(::symlink("/dev/full", (home_ + "/capture/delay/00000001.journal").c_str()), 0);
  Add("a", kMorning, 1, 2);
  EXPECT_FALSE(capture_->Flush(true));
  EXPECT_THAT(capture_->health().failure, testing::HasSubstr("No space"));
  EXPECT_EQ(capture_->health().lost_rows, 0);
  const std::string megabyte(1 << 20, 'x');
  for (int i = 0; i < 70; ++i) Add(megabyte + std::to_string(i), kMorning, 1, 2);
  EXPECT_FALSE(capture_->Flush(true));
  EXPECT_EQ(capture_->health().lost_rows, 71);
  // The next file can be written, and stands on its own.
  Add("b", kMorning, 3, 4);
  EXPECT_TRUE(capture_->Flush(true));
  EXPECT_EQ(capture_->health().failure, "");
  EXPECT_EQ(capture_->health().lost_rows, 71);
  ASSERT_TRUE(os::RemoveFile(home_ + "/capture/delay/00000001.journal"));
  EXPECT_THAT(Sql("SELECT inference_id FROM capture_delay").columns[0].texts, ElementsAre("b"));
}

TEST(Journal, ReadsWhatWasWritten) {
  JournalWriter writer;
  const Prediction prediction = std::string("yes");
  const std::vector<double> numbers = {1.5, NAN};
  const std::vector<std::string> texts = {"Oslo"};
  writer.Row(kLayout, {7, 8, "id", "3", numbers, texts, {&prediction, 1}});
  writer.Truth({9, 10, "id", "no"});
  const std::string block = writer.TakeBlock();
  EXPECT_TRUE(writer.TakeBlock().empty());
  int rows = 0, truths = 0;
  const size_t sound = ReadJournal(block, {.row =
                                               [&](const Layout& layout, const RowView& row) {
                                                 ++rows;
                                                 EXPECT_EQ(layout, kLayout);
                                                 EXPECT_EQ(row.sequence, 7);
                                                 EXPECT_EQ(row.time, 8);
                                                 EXPECT_EQ(row.numbers[0], 1.5);
                                                 EXPECT_EQ(row.texts[0], "Oslo");
                                                 EXPECT_EQ(row.predictions[0], prediction);
                                               },
                                           .truth =
                                               [&](const TruthView& truth) {
                                                 ++truths;
                                                 EXPECT_EQ(truth.value, "no");
                                               }});
  EXPECT_EQ(sound, block.size());
  EXPECT_EQ(rows, 1);
  EXPECT_EQ(truths, 1);
}

TEST(RowStore, LongTextsAreBoundedToo) {
  RowStore rows(131'072, 16 << 20);
  const Prediction prediction = 1.0;
  const std::vector<double> numbers = {1, NAN};
  const std::vector<std::string> texts = {std::string(1 << 20, 'x')};
  for (int64_t i = 0; i < 200; ++i) {
    const std::string id = std::to_string(i);
    ASSERT_TRUE(rows.Add(kLayout, {i, i, id, "1", numbers, texts, {&prediction, 1}}));
  }
  EXPECT_LE(rows.rows(), 40u);
  EXPECT_GE(rows.rows(), 16u);
  EXPECT_TRUE(rows.Has("199"));
  EXPECT_FALSE(rows.Has("0"));
  EXPECT_GT(rows.evicted_until(), 100);
}

TEST(Journal, KeepsAllOutputs) {
  Layout layout = kLayout;
  layout.outputs = {"probabilities", "score"};
  const std::vector<Prediction> predictions = {1.0, std::string(R"({"no":0.25})"), Prediction()};
  const std::vector<double> numbers = {1.5, NAN};
  const std::vector<std::string> texts = {"Oslo"};
  JournalWriter writer;
  writer.Row(layout, {7, 8, "a", "3", numbers, texts, predictions});
  writer.Row(kLayout, {8, 9, "b", "3", numbers, texts, std::span(predictions).first(1)});
  RowStore rows;
  ReadJournal(writer.TakeBlock(),
              {.row = [&](const Layout& l, const RowView& row) { EXPECT_TRUE(rows.Add(l, row)); },
               .truth = {}});
  const sql::Table table = rows.Window(0, 10);
  EXPECT_THAT(table.Find("prediction")->doubles, ElementsAre(1, 1));
  EXPECT_THAT(table.Find("probabilities")->texts, ElementsAre(R"({"no":0.25})", ""));
  EXPECT_THAT(table.Find("probabilities")->valid, ElementsAre(1, 0));
  EXPECT_THAT(table.Find("score")->valid, ElementsAre(0, 0));
}

TEST(Journal, AnyChangedByteEndsTheReading) {
  JournalWriter writer;
  writer.Truth({1, 2, "id", "no"});
  const std::string block = writer.TakeBlock();
  for (size_t i = 0; i < block.size(); ++i) {
    std::string broken = block;
    broken[i] = static_cast<char>(broken[i] ^ 0x10);
    EXPECT_EQ(ReadJournal(broken, {}), 0u) << i;
  }
}

}  // namespace
}  // namespace tatara::serving
