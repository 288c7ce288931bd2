#include "features/features.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "features/join.h"
#include "features/ties.h"
#include "features/times.h"
#include "os/os.h"
#include "sql/sql.h"

namespace tatara::features {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Result<FeatureConfig> Parse(std::string_view text) { return ParseFeatures(*ParseYaml(text)); }

constexpr std::string_view kGood =
    "sources: {w: {path: w.csv, time: seen, created: stored, keys: [k]}}\n"
    "views: {v: {source: w, ttl: 2h, columns: [x], filter_created: true}}\n"
    "services: {s: [v]}\n";

TEST(ParseFeatures, TakesTheWholeForm) {
  const auto config = Parse(kGood);
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->views[0].ttl, std::chrono::hours(2));
  EXPECT_TRUE(config->views[0].filter_created);
  EXPECT_THAT(config->sources[0].keys, ElementsAre("k"));
}

TEST(ParseFeatures, NamesLineAndNearest) {
  struct Case {
    std::string_view text, message;
  };
  const Case cases[] = {
      {"sources: {w: {path: a, time: t, keys: []}}\nviews: {v: {source: w, ttll: 1h}}",
       "line 2: unknown key 'ttll' in features.views.v; did you mean 'ttl'?"},
      {"sources: {w: {path: a, time: t, keys: []}}\nviews: {v: {source: w, ttl: 0h}}", "above 0"},
      {"sources: {w: {path: a, time: t, keys: []}}\nviews: {v: {source: w, filter_created: true}}",
       "needs 'created'"},
      {"sources: {w: {path: a, time: t, keys: []}}\nviews: {v: {source: ww}}", "no source 'ww'"},
      {"services: {s: [v]}", "no view 'v'"},
      {"sources: {w: {path: a, keys: []}}", "has no 'time'"},
      {"sources: {w: {path: a, time: t}}", "has no 'keys'"},
  };
  for (const Case& c : cases) {
    const auto config = Parse(c.text);
    ASSERT_FALSE(config) << c.text;
    EXPECT_EQ(config.error().code, Code::kInvalid);
    EXPECT_THAT(config.error().message, HasSubstr(c.message));
  }
}

TEST(PointInTimeJoin, TakesTheNewestWithinBothBounds) {
  const std::vector<SpineRow> spine = {{0, 10},      {0, 20},      {1, 10},
                                       {kNoKey, 10}, {0, kNoTime}, {0, 10}};
  PointInTimeJoin join(spine, false);
  join.Offer(0, 10, kNoTime, 0);  // at the time itself
  join.Offer(0, 5, kNoTime, 1);
  join.Offer(0, 21, kNoTime, 2);  // later than all
  join.Offer(kNoKey, 1, kNoTime, 3);
  join.Finish();
  EXPECT_THAT(join.Winners(std::nullopt), ElementsAre(0, 0, -1, -1, -1, 0));
  EXPECT_THAT(join.Winners(10), ElementsAre(0, 0, -1, -1, -1, 0));  // just young enough
  EXPECT_THAT(join.Winners(9), ElementsAre(0, -1, -1, -1, -1, 0));
}

TEST(PointInTimeJoin, WithFilterCreated_KnowsARowFromItsCreation) {
  const std::vector<SpineRow> spine = {{0, 10}, {0, 20}};
  PointInTimeJoin join(spine, true);
  join.Offer(0, 8, 15, 0);       // told at 15
  join.Offer(0, 7, 9, 1);        // older, but told in time
  join.Offer(0, 9, kNoTime, 2);  // never told
  join.Finish();
  EXPECT_THAT(join.Winners(std::nullopt), ElementsAre(1, 0));
}

TEST(PointInTimeJoin, ReportsOnlyTiesThatMatter) {
  const std::vector<SpineRow> spine = {{0, 10}};
  PointInTimeJoin join(spine, false);
  join.Offer(0, 5, 1, 7);
  join.Offer(0, 5, 1, 8);  // a tie that the next row makes void
  join.Offer(0, 6, 1, 9);
  join.Offer(0, 6, 1, 2);
  join.Offer(0, 6, kNoTime, 3);  // null created is smallest
  join.Finish();
  const auto ties = join.Ties();
  ASSERT_EQ(ties.size(), 2u);
  EXPECT_EQ(ties[0].row, 2);
  EXPECT_EQ(ties[1].row, 9);
}

TEST(CompareValues, OrdersAsTheLawSays) {
  sql::Column column{{"d", sql::Type::kDouble, "DOUBLE"}, {}, {}, {}, {}};
  const double infinity = INFINITY;
  column.doubles = {0, -infinity, -1, -0.0, 0.0, 1, infinity, std::nan("")};
  column.valid = {0, 1, 1, 1, 1, 1, 1, 1};
  for (size_t i = 0; i + 1 < column.rows(); ++i) {
    EXPECT_LT(CompareValues(column, i, column, i + 1), 0) << i;
    EXPECT_EQ(CompareValues(column, i, column, i), 0) << i;
  }
  sql::Column decimals{{"d", sql::Type::kDecimal, "DECIMAL(9,2)"}, {}, {}, {}, {}};
  decimals.texts = {"-10.00", "-9.50", "0.00", "9.50", "10.00"};
  decimals.valid.assign(5, 1);
  for (size_t i = 0; i < 4; ++i) EXPECT_LT(CompareValues(decimals, i, decimals, i + 1), 0) << i;
}

TEST(ReadTimes, KeepsNanosecondsOfText) {
  sql::Column column{{"t", sql::Type::kText, "VARCHAR"}, {1, 1, 0}, {}, {}, {}};
  column.texts = {"2024-01-01T00:00:00.000000001Z", "2024-01-01T02:00:00+02:00", ""};
  std::vector<int64_t> times;
  ASSERT_TRUE(ReadTimes(column, TimeUnit::kNanos, "t", times));
  EXPECT_EQ(times[0] - times[1], 1);
  EXPECT_EQ(times[2], kNoTime);
  column.texts[0] = "yesterday";
  EXPECT_THAT(ReadTimes(column, TimeUnit::kNanos, "t", times).error().message,
              HasSubstr("'yesterday'"));
}

class BuildTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = ::testing::TempDir() + "features_test_" + std::to_string(os::ProcessId());
    ASSERT_TRUE(os::MakeFolders(folder_));
    Put("w.csv", "k,seen,stored,x\na,2024-01-01,,1\na,2024-01-02,,2\n007,2024-01-01,,3\n");
    Put("spine.csv",
        "k,event_timestamp,y\na,2024-01-01T12:00:00Z,1.50\n7,2024-01-01,2\n"
        "007,2024-01-01,\n,2024-01-01,4\na,2023-01-01,5\n");
    config_ = *Parse(
        "sources: {w: {path: w.csv, time: seen, created: stored, keys: [k]}}\n"
        "views: {v: {source: w, columns: [x]}, z: {source: w, columns: [y]},\n"
        "        again: {source: w, columns: [seen, k]}}\n"
        "services: {s: [v], none: [z], both: [v, again]}\n");
  }
  void TearDown() override { (void)os::RemoveTree(folder_); }
  void Put(const std::string& name, std::string_view text) {
    ASSERT_TRUE(os::WriteFile(folder_ + "/" + name, text));
  }
  BuildOptions Options(const std::string& output) const {
    return {.folder = folder_, .spine = folder_ + "/spine.csv", .output = folder_ + "/" + output};
  }

  std::string folder_;
  FeatureConfig config_;
};

TEST_F(BuildTest, FromCsvToCsv_LeavesTheSpineAsText) {
  const auto report = Build(config_, "s", Options("out.csv"));
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->rows, 5);
  EXPECT_EQ(report->views[0].matched, 2);
  EXPECT_EQ(*os::ReadFile(folder_ + "/out.csv"),
            "k,event_timestamp,y,x\na,2024-01-01T12:00:00Z,1.50,1\n7,2024-01-01,2,\n"
            "007,2024-01-01,,3\n,2024-01-01,4,\na,2023-01-01,5,\n");
}

// A cast would take 1.7 for 2, "yes" for true and a time for its day.
TEST_F(BuildTest, CsvKey_IsOfTheOtherSidesTypeOrAnError) {
  struct Case {
    const char *key, *type, *spine, *matches;  // a value of the source, a key of the spine
  };
  for (const Case& one :
       {Case{"2", "BIGINT", "2", "20"}, Case{"2", "BIGINT", "+2", "20"},
        Case{"2", "BIGINT", "2.0", "20"}, Case{"2", "BIGINT", "1.7", nullptr},
        Case{"2", "BIGINT", "2e0", nullptr}, Case{"2", "BIGINT", "two", nullptr},
        Case{"2", "BIGINT", "99999999999999999999", ""}, Case{"2", "UBIGINT", "-2", ""},
        Case{"true", "BOOLEAN", "TRUE", "20"}, Case{"true", "BOOLEAN", "yes", nullptr},
        Case{"'2024-01-02'", "DATE", "2024-01-02", "20"},
        Case{"'2024-01-02'", "DATE", "2024-01-02 10:00:00", nullptr},
        Case{"'2024-01-02 10:00:00+00'", "TIMESTAMPTZ", "2024-01-02T12:00:00+02:00", "20"}}) {
    auto engine = sql::Engine::Open();
    ASSERT_TRUE(engine);
    const std::string rows = std::string("SELECT ") + one.key + "::" + one.type +
                             " AS k, TIMESTAMP '2024-01-01' AS seen, 20 AS x";
    ASSERT_TRUE((*engine)->Write(sql::Query{.text = rows}, folder_ + "/typed.parquet"));
    Put("spine.csv", std::string("k,event_timestamp\n") + one.spine + ",2024-01-03\n");
    const FeatureConfig config = *Parse(
        "sources: {w: {path: typed.parquet, time: seen, keys: [k]}}\n"
        "views: {v: {source: w}}\nservices: {s: [v]}\n");
    const auto report = Build(config, "s", Options("out.csv"));
    ASSERT_EQ(report.has_value(), one.matches != nullptr) << one.spine << " as " << one.type;
    if (!report) {
      EXPECT_EQ(report.error().code, Code::kInvalid);
      EXPECT_THAT(report.error().message, HasSubstr("spine.csv): key 'k': '"));
      continue;
    }
    EXPECT_EQ(
        *os::ReadFile(folder_ + "/out.csv"),
        std::string("k,event_timestamp,x\n") + one.spine + ",2024-01-03," + one.matches + "\n");
  }
}

TEST_F(BuildTest, Refuses_WithTheRightCode) {
  EXPECT_EQ(Build(config_, "t", Options("out.csv")).error().code, Code::kNotFound);
  const auto no_column = Build(config_, "none", Options("out.csv"));
  EXPECT_EQ(no_column.error().code, Code::kInvalid);
  EXPECT_THAT(no_column.error().message, HasSubstr("no column 'y'"));
  const auto twice = Build(config_, "both", Options("out.csv"));
  EXPECT_THAT(twice.error().message, HasSubstr("--full-names"));
  BuildOptions full = Options("out.csv");
  full.full_names = true;
  EXPECT_TRUE(Build(config_, "both", full));
  EXPECT_EQ(Build(config_, "s", Options("out.txt")).error().code, Code::kInvalid);
  BuildOptions gone = Options("out.csv");
  gone.spine = folder_ + "/gone.csv";
  EXPECT_EQ(Build(config_, "s", gone).error().code, Code::kNotFound);
}

TEST_F(BuildTest, FailedBuild_LeavesTheOldFile) {
  Put("out.csv", "old");
  Put("spine.csv", "k,event_timestamp\na,yesterday\n");
  const auto report = Build(config_, "s", Options("out.csv"));
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code, Code::kInvalid);
  EXPECT_THAT(report.error().message, HasSubstr("'yesterday'"));
  EXPECT_EQ(*os::ReadFile(folder_ + "/out.csv"), "old");
}

}  // namespace
}  // namespace tatara::features
