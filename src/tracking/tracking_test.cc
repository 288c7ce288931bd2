#include "tracking/tracking.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "events/events.h"

namespace tatara::tracking {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

const Time kNow = FromMillis(1'700'000'000'000);
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

class TrackingTest : public testing::Test {
 protected:
  using Run = tracking::Run;  // and not the test's own

  template <class Fn>
  auto Write(Fn fn) {
    return database_->Write([&](db::Tx& tx) { return fn(tx); });
  }
  template <class Fn>
  auto Read(Fn fn) {
    return database_->Read([&](db::Reader& reader) { return fn(reader); });
  }
  Run NewRunIn(int64_t experiment, std::string name = "", int64_t start_ms = 1) {
    return Write([&](db::Tx& tx) {
             return CreateRun(
                 tx, {.experiment_id = experiment, .name = std::move(name), .start_ms = start_ms},
                 kNow);
           })
        .value();
  }
  Status Log(const Run& run, Batch batch) {
    if (auto good = CheckBatch(batch); !good) return good;
    return Write([&](db::Tx& tx) { return LogBatch(tx, run.info.id, batch, kNow); });
  }
  Run Get(const Run& run) {
    return Read([&](db::Reader& reader) { return GetRun(reader, run.info.id); }).value();
  }
  std::vector<std::string> Search(const std::string& filter, std::vector<std::string> order = {}) {
    const auto page = Read(
        [&](db::Reader& r) { return SearchRuns(r, {0}, {.filter = filter, .order_by = order}); });
    if (!page) return {"error: " + page.error().message};
    std::vector<std::string> names;
    for (const auto& run : page->items) names.push_back(run.info.name);
    return names;
  }
  std::vector<std::string> EventTypes() {
    const auto events =
        Read([](db::Reader& r) { return events::List(r, {.source = "tatara.tracking"}); });
    std::vector<std::string> types;
    for (const auto& event : *events) types.push_back(event.type);
    return types;
  }

  std::unique_ptr<db::Database> database_ = db::Database::OpenForTest();
};

TEST_F(TrackingTest, CreateRun_TakesNameFromFieldTagOrMakesOneUp) {
  EXPECT_EQ(NewRunIn(0, "given").info.name, "given");
  EXPECT_FALSE(NewRunIn(0).info.name.empty());
  const auto tagged = Write(
      [](db::Tx& tx) { return CreateRun(tx, {.tags = {{"mlflow.runName", "tagged"}}}, kNow); });
  EXPECT_EQ(tagged->info.name, "tagged");
  const auto both = Write([](db::Tx& tx) {
    return CreateRun(tx, {.name = "a", .tags = {{"mlflow.runName", "b"}}}, kNow);
  });
  EXPECT_EQ(both.error().code, Code::kInvalid);
}

TEST_F(TrackingTest, CreateRun_SameRequestOfTheSameAttempt_IsTheSameRun) {
  const NewRun wanted{.name = "r", .caller = "j-1/1", .request_digest = "abc"};
  const auto create = [&](NewRun run) {
    return Write([&](db::Tx& tx) { return CreateRun(tx, run, kNow); }).value().info.id;
  };
  const RunId first = create(wanted);
  EXPECT_EQ(create(wanted), first);
  NewRun other_body = wanted;
  other_body.request_digest = "def";
  EXPECT_NE(create(other_body), first);
  NewRun other_attempt = wanted;
  other_attempt.caller = "j-1/2";
  EXPECT_NE(create(other_attempt), first);
  NewRun nobody = wanted;
  nobody.caller = "";
  EXPECT_NE(create(nobody), create(nobody));
  const auto runs = Read([](db::Reader& r) { return RunsOfCaller(r, "j-1/1"); });
  ASSERT_EQ(runs->size(), 2u);
  EXPECT_EQ(*(*runs)[0].FindTag("tatara.attempt"), "j-1/1");
}

TEST_F(TrackingTest, LatestMetric_IsTheGreatestStepThenTimeThenValue) {
  const Run run = NewRunIn(0);
  ASSERT_TRUE(Log(run, {.metrics = {{.key = "m", .value = 1, .timestamp_ms = 5, .step = 2},
                                    {.key = "m", .value = 9, .timestamp_ms = 9, .step = 1},
                                    {.key = "m", .value = 3, .timestamp_ms = 5, .step = 2}}}));
  EXPECT_EQ(Get(run).FindMetric("m")->value, 3);
  ASSERT_TRUE(Log(run, {.metrics = {{.key = "m", .value = 2, .timestamp_ms = 5, .step = 2}}}));
  EXPECT_EQ(Get(run).FindMetric("m")->value, 3);
  ASSERT_TRUE(Log(run, {.metrics = {{.key = "m", .value = -7, .timestamp_ms = 6, .step = 2}}}));
  EXPECT_EQ(Get(run).FindMetric("m")->value, -7);
}

TEST_F(TrackingTest, Metrics_NanStaysNan_InfinityIsTheLargestDouble_RepeatsAreDropped) {
  const Run run = NewRunIn(0);
  const Batch batch{.metrics = {{.key = "n", .value = kNan, .timestamp_ms = 1},
                                {.key = "i", .value = -kInfinity, .timestamp_ms = 1},
                                {.key = "m", .value = 1, .timestamp_ms = 2, .step = -4}}};
  ASSERT_TRUE(Log(run, batch));
  ASSERT_TRUE(Log(run, batch));
  EXPECT_TRUE(std::isnan(Get(run).FindMetric("n")->value));
  EXPECT_EQ(Get(run).FindMetric("i")->value, std::numeric_limits<double>::lowest());
  const auto history =
      Read([&](db::Reader& r) { return MetricHistory(r, run.info.id, {.key = "m"}); });
  ASSERT_EQ(history->items.size(), 1u);
  EXPECT_EQ(history->items[0].step, -4);
}

TEST_F(TrackingTest, History_IsOrderedAndPaged) {
  const Run run = NewRunIn(0);
  Batch batch;
  for (int i = 0; i < 100; ++i) {
    batch.metrics.push_back({.key = "m", .value = 1.0 * i, .timestamp_ms = 99 - i, .step = i});
  }
  ASSERT_TRUE(Log(run, batch));
  const auto page = [&](std::string token) {
    return Read([&](db::Reader& r) {
             return MetricHistory(r, run.info.id,
                                  {.key = "m", .max_results = 60, .page_token = token});
           })
        .value();
  };
  const auto first = page("");
  const auto second = page(first.next_token);
  EXPECT_EQ(first.items.size(), 60u);
  EXPECT_EQ(first.items[0].timestamp_ms, 0);
  EXPECT_EQ(second.items.size(), 40u);
  EXPECT_EQ(second.items[39].step, 0);
  EXPECT_EQ(second.next_token, "");
}

// 100 points of each of three metrics, the later ones first, in batches of 30, and all of them a
// second time: repeats stand in other blocks than what they repeat.
class ManyBlocksTest : public TrackingTest {
 protected:
  static constexpr int kPoints = 100;

  ManyBlocksTest() {
    for (int i = 0; i < 2 * kPoints; ++i) {
      const int step = kPoints - 1 - i % kPoints;
      for (const auto* key : {"a", "b", "c"}) {
        batch_.metrics.push_back({.key = key, .value = 0.5, .timestamp_ms = 7, .step = step});
      }
      if (batch_.metrics.size() == 90) Send();
    }
    Send();
  }
  void Send() {
    EXPECT_TRUE(Log(run_, batch_));
    batch_.metrics.clear();
  }
  Page<Metric> History(HistoryQuery query) {
    return Read([&](db::Reader& r) { return MetricHistory(r, run_.info.id, query); }).value();
  }
  std::vector<int64_t> Steps(const std::vector<Metric>& points) {
    std::vector<int64_t> steps;
    for (const auto& point : points) steps.push_back(point.step);
    return steps;
  }
  static std::vector<int64_t> StepsBetween(int64_t first, int64_t last) {
    std::vector<int64_t> steps;
    for (int64_t step = first; step <= last; ++step) steps.push_back(step);
    return steps;
  }

  Run run_ = NewRunIn(0);
  Batch batch_;
};

TEST_F(ManyBlocksTest, History_HasEachPointOnceAndInOrder) {
  for (const auto* key : {"a", "b", "c"}) {
    EXPECT_EQ(Steps(History({.key = key}).items), StepsBetween(0, kPoints - 1)) << key;
    EXPECT_EQ(Get(run_).FindMetric(key)->step, kPoints - 1);
  }
  EXPECT_THAT(History({.key = "d"}).items, IsEmpty());
}

TEST_F(ManyBlocksTest, History_IsPagedAcrossBlocks) {
  std::vector<int64_t> steps;
  std::string token;
  int pages = 0;
  do {
    const auto page = History({.key = "b", .max_results = 33, .page_token = token});
    for (const int64_t step : Steps(page.items)) steps.push_back(step);
    token = page.next_token;
    ++pages;
  } while (!token.empty());
  EXPECT_EQ(pages, 4);
  EXPECT_EQ(steps, StepsBetween(0, kPoints - 1));
  const auto last = History({.key = "b", .max_results = kPoints, .page_token = ""});
  EXPECT_EQ(last.next_token, "");  // the page is full, but nothing follows
  const auto beyond = History({.key = "b", .page_token = MakePageToken(kPoints + 5)});
  EXPECT_THAT(beyond.items, IsEmpty());
  EXPECT_EQ(beyond.next_token, "");
}

TEST_F(ManyBlocksTest, BulkHistory_CountsEachPointOnce) {
  const Run other = NewRunIn(0);
  ASSERT_TRUE(Log(other, {.metrics = {{.key = "a", .timestamp_ms = 1, .step = 500}}}));
  const auto bulk = [&](BulkHistoryQuery query) {
    query.run_ids = {run_.info.id.value, other.info.id.value};
    query.key = "a";
    return Read([&](db::Reader& r) { return BulkHistory(r, query); }).value();
  };
  EXPECT_EQ(bulk({.max_results = kPoints + 1}).size(), kPoints + 1u);
  EXPECT_EQ(bulk({.max_results = 20}).size(), 20u);
}

// As MLflow 3.17's SqlAlchemyStore samples: the first of each of NTILE's buckets, and the last.
TEST_F(ManyBlocksTest, SampledHistory_ThinsOutEachRun) {
  const Run other = NewRunIn(0);
  for (int64_t i = 0; i < 3; ++i) {
    ASSERT_TRUE(Log(other, {.metrics = {{.key = "a", .timestamp_ms = 9 - i, .step = 12}}}));
  }
  const auto sampled = [&](int64_t max_results, std::optional<std::pair<int64_t, int64_t>> steps) {
    return Read([&](db::Reader& r) {
             return SampledHistory(r,
                                   {.run_ids = {other.info.id.value, "unknown", run_.info.id.value},
                                    .key = "a",
                                    .max_results = max_results,
                                    .steps = steps});
           })
        .value();
  };
  EXPECT_THAT(Steps(sampled(10, std::pair(10, 49))),
              ElementsAre(12, 12, 12, 10, 14, 18, 22, 26, 30, 34, 38, 42, 49));
  EXPECT_THAT(Steps(sampled(4, std::pair(10, 20))), ElementsAre(12, 12, 12, 10, 13, 16, 20));
  const auto few = sampled(2, {});
  EXPECT_THAT(Steps(few), ElementsAre(12, 12, 0, kPoints - 1));
  EXPECT_EQ(few[0].timestamp_ms, 7);
  EXPECT_EQ(few[1].timestamp_ms, 9);
  EXPECT_THAT(Steps(sampled(1, {})), ElementsAre(12, kPoints - 1));
}

TEST_F(TrackingTest, Batches_FindTheSeriesOfTheRun_FewOfThemOrMost) {
  const Run other = NewRunIn(0);
  const Run run = NewRunIn(0);
  const auto log = [&](const Run& to, int first, int end, int64_t step) {
    Batch batch;
    for (int i = first; i < end; ++i) {
      batch.metrics.push_back({.key = "m" + std::to_string(i), .value = 1.0 * i, .step = step});
    }
    ASSERT_TRUE(Log(to, batch));
  };
  log(other, 0, 250, 9);
  log(run, 0, 100, 1);
  log(run, 50, 250, 2);   // half of them new
  log(run, 100, 170, 3);  // a third of the run's
  log(run, 0, 1, 4);
  const Run got = Get(run);
  ASSERT_EQ(got.metrics.size(), 250u);
  for (int i = 0; i < 250; ++i) {
    const std::string key = "m" + std::to_string(i);
    std::vector<int64_t> want;
    if (i < 100) want.push_back(1);
    if (i >= 50) want.push_back(2);
    if (i >= 100 && i < 170) want.push_back(3);
    if (i == 0) want.push_back(4);
    EXPECT_EQ(got.FindMetric(key)->step, want.back()) << key;
    EXPECT_EQ(got.FindMetric(key)->value, i) << key;
    const auto history =
        Read([&](db::Reader& r) { return MetricHistory(r, run.info.id, {.key = key}); }).value();
    std::vector<int64_t> steps;
    for (const auto& point : history.items) steps.push_back(point.step);
    EXPECT_EQ(steps, want) << key;
  }
}

TEST_F(TrackingTest, Metrics_ThatComeLate_AreInTheHistoryButNotTheLatest) {
  const Run run = NewRunIn(0);
  const auto log = [&](int64_t step, int64_t millis, double value) {
    ASSERT_TRUE(Log(
        run, {.metrics = {{.key = "m", .value = value, .timestamp_ms = millis, .step = step}}}));
  };
  log(5, 50, 1);
  log(4, 60, 2);
  log(5, 40, 3);
  log(5, 50, kNan);  // as a value 0, so not later, but a point of its own
  log(5, 50, 0);
  EXPECT_EQ(Get(run).FindMetric("m")->value, 1);
  const auto history =
      Read([&](db::Reader& r) { return MetricHistory(r, run.info.id, {.key = "m"}); }).value();
  std::vector<std::pair<int64_t, double>> got;
  for (const auto& point : history.items) {
    got.emplace_back(point.timestamp_ms, std::isnan(point.value) ? -1 : point.value);
  }
  EXPECT_THAT(got, ElementsAre(std::pair(40, 3.0), std::pair(50, 0.0), std::pair(50, -1.0),
                               std::pair(50, 1.0), std::pair(60, 2.0)));
}

TEST_F(TrackingTest, Batch_WithAConflictingParam_LeavesNothing) {
  const Run run = NewRunIn(0);
  ASSERT_TRUE(Log(run, {.params = {{"a", "1"}}}));
  ASSERT_TRUE(Log(run, {.params = {{"a", "1"}}}));
  const auto refused = Log(run, {.metrics = {{.key = "m", .value = 1, .timestamp_ms = 1}},
                                 .params = {{"b", "1"}, {"a", "2"}},
                                 .tags = {{"t", "1"}}});
  EXPECT_EQ(refused.error().code, Code::kInvalid);
  const Run got = Get(run);
  EXPECT_THAT(got.metrics, IsEmpty());
  EXPECT_THAT(got.params, ElementsAre(KeyValue{"a", "1"}));
  EXPECT_EQ(got.FindTag("t"), nullptr);
}

TEST_F(TrackingTest, CheckBatch_RefusesWhatMlflowRefuses) {
  const auto message = [](Batch batch) {
    const auto checked = CheckBatch(batch);
    return checked ? std::string() : checked.error().message;
  };
  EXPECT_THAT(message({.metrics = {{.key = "a//b"}}}),
              testing::HasSubstr("Invalid value \"a//b\" for parameter 'metrics[0].name'"));
  EXPECT_THAT(message({.params = {{"ok", ""}, {"a$", ""}}}),
              testing::HasSubstr("for parameter 'params[1].key'"));
  EXPECT_THAT(message({.metrics = {{.key = "m", .timestamp_ms = -1}}}),
              testing::HasSubstr("metrics[0].timestamp"));
  EXPECT_THAT(message({.params = {{"p", "1"}, {"p", "1"}}}),
              testing::HasSubstr("Duplicate parameter keys have been submitted: ['p']"));
  EXPECT_THAT(message({.metrics = std::vector<Metric>(1001, {.key = "m"})}),
              testing::HasSubstr("at most 1000 metrics. Got 1001"));
  EXPECT_THAT(message({.tags = {{std::string(251, 'k'), ""}}}),
              testing::HasSubstr("exceeds the maximum length of 250"));
  for (const auto* name : {"", ".", "..", "/a", "a/", "a/../b", "../a"}) {
    EXPECT_NE(message({.metrics = {{.key = name}}}), "") << name;
  }
  EXPECT_EQ(message({.metrics = {{.key = "a b/c-d.e:f_g"}}}), "");
}

TEST_F(TrackingTest, LongParamValues_AreCutAtCharacters) {
  Batch batch{.params = {{"p", ""}}};
  for (int i = 0; i < 7000; ++i) batch.params[0].value += "ü";
  ASSERT_TRUE(CheckBatch(batch));
  EXPECT_EQ(batch.params[0].value.size(), 12'000u);
}

TEST_F(TrackingTest, DeletedRun_CanBeReadAndRestored_ButNotWritten) {
  const Run run = NewRunIn(0, "r");
  ASSERT_TRUE(Write([&](db::Tx& tx) { return DeleteRun(tx, run.info.id, kNow); }));
  EXPECT_EQ(Get(run).info.stage, Stage::kDeleted);
  EXPECT_EQ(Log(run, {.tags = {{"a", "1"}}}).error().code, Code::kInvalid);
  EXPECT_THAT(Search(""), IsEmpty());
  ASSERT_TRUE(Write([&](db::Tx& tx) { return RestoreRun(tx, run.info.id, kNow); }));
  EXPECT_THAT(Search(""), ElementsAre("r"));
}

TEST_F(TrackingTest, Changes_WriteEvents_ButNotEachMetric) {
  const Run run = NewRunIn(0);
  ASSERT_TRUE(Log(run, {.metrics = {{.key = "m"}}, .tags = {{"a", "1"}}}));
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(Write([&](db::Tx& tx) {
      return UpdateRun(tx, run.info.id, {.status = RunStatus::kFinished}, kNow);
    }));
  }
  EXPECT_THAT(EventTypes(), ElementsAre("run_created", "run_status_changed"));
}

TEST_F(TrackingTest, SetTag_RunName_RenamesTheRun) {
  const Run run = NewRunIn(0, "before");
  ASSERT_TRUE(
      Write([&](db::Tx& tx) { return SetTag(tx, run.info.id, {"mlflow.runName", "after"}); }));
  EXPECT_EQ(Get(run).info.name, "after");
  ASSERT_TRUE(Log(run, {.tags = {{"mlflow.runName", "third"}}}));
  EXPECT_EQ(Get(run).info.name, "third");
}

TEST_F(TrackingTest, Experiment_DeleteAndRestore_TakeItsRunsAlong) {
  const auto id = Write([](db::Tx& tx) { return CreateExperiment(tx, {.name = "e"}, kNow); });
  const Run run = NewRunIn(*id);
  EXPECT_EQ(run.info.artifact_uri,
            "mlflow-artifacts:/" + std::to_string(*id) + "/" + run.info.id.value + "/artifacts");
  ASSERT_TRUE(Write([&](db::Tx& tx) { return DeleteExperiment(tx, *id, kNow); }));
  EXPECT_EQ(Get(run).info.stage, Stage::kDeleted);
  EXPECT_EQ(Write([&](db::Tx& tx) { return DeleteExperiment(tx, *id, kNow); }).error().code,
            Code::kNotFound);
  EXPECT_EQ(
      Write([&](db::Tx& tx) { return CreateExperiment(tx, {.name = "e"}, kNow); }).error().code,
      Code::kConflict);
  EXPECT_EQ(Write([&](db::Tx& tx) { return RenameExperiment(tx, *id, "f", kNow); }).error().code,
            Code::kInvalid);
  ASSERT_TRUE(Write([&](db::Tx& tx) { return RestoreExperiment(tx, *id, kNow); }));
  EXPECT_EQ(Get(run).info.stage, Stage::kActive);
}

TEST_F(TrackingTest, SearchRuns_ByEachKindOfClause) {
  for (int i = 0; i < 4; ++i) {
    const std::string number = std::to_string(i);
    const Run run = NewRunIn(0, "r" + number, 10 + i);
    Batch batch{.params = {{"p", number}, {"long", std::string(200, 'x') + number}},
                .tags = {{"Tag", i % 2 == 0 ? "Even" : "odd"}}};
    if (i < 3) batch.metrics = {{.key = "m", .value = i == 2 ? kNan : i}};
    ASSERT_TRUE(Log(run, batch));
  }
  const std::string long_value = std::string(200, 'x');
  EXPECT_THAT(Search(""), ElementsAre("r3", "r2", "r1", "r0"));
  EXPECT_THAT(Search("metrics.m >= 0"), ElementsAre("r1", "r0"));
  EXPECT_THAT(Search("metrics.m = 0"), ElementsAre("r0"));
  EXPECT_THAT(Search("metrics.m != 0"), ElementsAre("r2", "r1"));  // NaN is unequal to all
  EXPECT_THAT(Search("params.p != '1'"), ElementsAre("r3", "r2", "r0"));
  EXPECT_THAT(Search("params.long = '" + long_value + "2'"), ElementsAre("r2"));
  EXPECT_THAT(Search("params.long = '" + long_value + "'"), IsEmpty());
  EXPECT_THAT(Search("tags.Tag LIKE 'e%'"), IsEmpty());
  EXPECT_THAT(Search("tags.Tag ILIKE 'e%'"), ElementsAre("r2", "r0"));
  EXPECT_THAT(Search("tags.none IS NULL AND params.p IS NOT NULL AND params.p = '3'"),
              ElementsAre("r3"));
  EXPECT_THAT(Search("start_time < 11.5 AND status = 'RUNNING'"), ElementsAre("r1", "r0"));
  EXPECT_THAT(Search("", {"metrics.m DESC"}), ElementsAre("r1", "r0", "r2", "r3"));
  EXPECT_THAT(Search("", {"metrics.m"}), ElementsAre("r0", "r1", "r2", "r3"));
  EXPECT_THAT(Search("", {"tags.Tag", "params.p DESC"}), ElementsAre("r2", "r0", "r3", "r1"));
}

TEST_F(TrackingTest, SearchRuns_RefusesWrongClauses) {
  for (const auto* filter : {"foo.a = 'x'", "metrics.m > '1'", "metrics.m LIKE '1'", "params.p = 1",
                             "params.p > '1'", "run_name IN ('a')", "metrics.m IS NULL",
                             "attributes.nothing = 'x'", "dataset.x = 'y'", "start_time = 'x'"}) {
    EXPECT_THAT(Search(filter), ElementsAre(testing::StartsWith("error"))) << filter;
  }
  EXPECT_THAT(Search("", {"metrics.m", "metrics.m"}), ElementsAre(testing::StartsWith("error")));
  EXPECT_FALSE(ParsePageToken("zz"));
  EXPECT_FALSE(ParsePageToken("eyJvZmZzZXQiOi0xfQ=="));  // {"offset":-1}
  EXPECT_EQ(ParsePageToken(MakePageToken(7)).value(), 7);
}

TEST_F(TrackingTest, Datasets_AreFoundByNameAndContext) {
  const Run run = NewRunIn(0, "r");
  const RunInputs inputs{.datasets = {{.dataset = {"flights", "d1", "http", "{}"},
                                       .tags = {{"mlflow.data.context", "training"}}}}};
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(Write([&](db::Tx& tx) { return LogInputs(tx, run.info.id, inputs); }));
  }
  ASSERT_EQ(Get(run).datasets.size(), 1u);
  EXPECT_EQ(Get(run).datasets[0].tags.size(), 1u);
  EXPECT_THAT(Search("dataset.name = 'flights' AND datasets.context IN ('training')"),
              ElementsAre("r"));
  EXPECT_THAT(Search("dataset.digest = 'd2'"), IsEmpty());
}

TEST_F(TrackingTest, LoggedModel_NewestReadyOfARun) {
  const Run run = NewRunIn(0);
  const auto create = [&](std::string name, int64_t millis) {
    return Write([&](db::Tx& tx) {
             return CreateLoggedModel(tx,
                                      {.name = std::move(name), .source_run_id = run.info.id.value},
                                      FromMillis(millis));
           })
        .value();
  };
  const auto newest = [&] {
    return Read([&](db::Reader& r) { return NewestReadyModel(r, run.info.id); }).value();
  };
  const auto ready = [&](const LoggedModel& model) {
    return Write(
        [&](db::Tx& tx) { return FinalizeLoggedModel(tx, model.id, ModelStatus::kReady, kNow); });
  };
  const auto first = create("a", 1000);
  EXPECT_FALSE(newest());
  ASSERT_TRUE(ready(first));
  const auto second = create("b", 2000);
  EXPECT_EQ(newest()->name, "a");
  ASSERT_TRUE(ready(second));
  EXPECT_EQ(newest()->name, "b");
  EXPECT_EQ(newest()->artifact_location, "mlflow-artifacts:/0/models/" + second.id + "/artifacts");
  ASSERT_TRUE(Write([&](db::Tx& tx) { return DeleteLoggedModel(tx, second.id, kNow); }));
  EXPECT_EQ(newest()->name, "a");
  EXPECT_EQ(create("x", 3000).status, ModelStatus::kPending);
  EXPECT_EQ(
      Write([&](db::Tx& tx) { return CreateLoggedModel(tx, {.name = "a/b"}, kNow); }).error().code,
      Code::kInvalid);
}

TEST(NormalPath, IsPosixs) {
  const std::pair<const char*, const char*> kCases[] = {
      {"", "."},      {"a", "a"},      {"a/", "a"},      {"a//b", "a/b"},
      {"./a", "a"},   {"a/../b", "b"}, {"../a", "../a"}, {"/a/..", "/"},
      {"//a", "//a"}, {"///a", "/a"},  {"a/..", "."},    {"../../a", "../../a"},
      {"/../a", "/a"}};
  for (const auto& [path, want] : kCases) EXPECT_EQ(NormalPath(path), want) << path;
}

}  // namespace
}  // namespace tatara::tracking
