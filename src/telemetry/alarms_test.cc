#include "telemetry/alarms.h"

#include <gtest/gtest.h>

#include "events/log.h"
#include "telemetry/metrics.h"
#include "telemetry/series.h"

namespace tatara::telemetry {
namespace {

using std::chrono::hours;
using std::chrono::minutes;

class AlarmsTest : public testing::Test {
 protected:
  void Set(const std::string& yaml) {
    auto spec =
        ParseAlarm("q", *ParseYaml("metric: {name: m, dimensions: {endpoint: e}}\n" + yaml));
    ASSERT_TRUE(spec) << spec.error().message;
    ASSERT_TRUE(db_->Write([&](db::Tx& tx) { return Alarms::Set(tx, "p", {*spec}, now_); }));
  }
  void Put(Time time, double value, EventId cause = {}) {
    ASSERT_TRUE(db_->Write([&](db::Tx& tx) {
      return PutPoint(tx, {.metric = "m",
                           .dimensions = {{"endpoint", "e"}},
                           .time = time,
                           .samples = Samples::Of(value),
                           .arrives = now_,
                           .source = "w",
                           .cause = cause});
    }));
  }
  // As the control thread does on replay: each due instant by itself.
  void AdvanceTo(Time time) {
    alarms_->Tick({now_, now_});
    while (auto due = alarms_->NextDue()) {
      if (*due > time) break;
      now_ = *due;
      alarms_->Tick({now_, now_});
      ASSERT_LT(++ticks_, 10'000);
    }
    now_ = time;
    alarms_->Tick({now_, now_ - Duration(1)});
  }
  std::vector<events::Event> Events() {
    return *db_->Read(
        [](db::Reader& reader) { return events::List(reader, {.source = "tatara.alarm"}); });
  }
  AlarmState State() {
    return (*db_->Read([](db::Reader& reader) { return Alarms::Find(reader, "q"); }))->state;
  }

  std::unique_ptr<db::Database> db_ = db::Database::OpenForTest();
  std::unique_ptr<Alarms> alarms_ = std::make_unique<Alarms>(*db_);
  Time now_ = *ParseTime("2013-05-01T00:00:00Z");
  int ticks_ = 0;
};

TEST_F(AlarmsTest, Point_OfAnEndedPeriod_AlarmsWhenItArrives) {
  Set("when: average > 11\nperiod: 1d\ndatapoints: 2 of 3");
  const auto cause = db_->Write([&](db::Tx& tx) {
    return events::Append(tx, {.time = now_, .source = "s", .type = "t", .subject = "x"});
  });
  for (int day = 1; day <= 3; ++day) {
    AdvanceTo(*ParseTime("2013-05-0" + std::to_string(day + 1) + "T12:00:00Z"));
    Put(*ParseTime("2013-05-0" + std::to_string(day) + "T04:00:00Z"), day == 1 ? 5 : 12, cause->id);
    alarms_->Tick({now_, now_});
    EXPECT_FALSE(alarms_->Busy());
  }
  const auto events = Events();
  ASSERT_EQ(events.size(), 2u);
  EXPECT_EQ(events[0].detail.Find("state")->AsString(), "OK");
  EXPECT_EQ(events[1].detail.Find("state")->AsString(), "ALARM");
  EXPECT_EQ(events[1].time, *ParseTime("2013-05-04T12:00:00Z"));
  EXPECT_EQ(events[1].cause, cause->id);
  EXPECT_EQ(events[1].detail.Find("endpoint")->AsString(), "e");
  EXPECT_EQ(events[1].detail.Find("window")->AsArray().size(), 3u);
  EXPECT_EQ(State(), AlarmState::kAlarm);
}

TEST_F(AlarmsTest, DataThatStops_EndsInInsufficientDataAndThenNothingIsDue) {
  Set("when: sum > 5\nperiod: 1m\ndatapoints: 1 of 1");
  AdvanceTo(now_ + minutes(3));
  EXPECT_FALSE(alarms_->NextDue());
  Put(now_, 9);
  AdvanceTo(now_ + hours(2));
  ASSERT_EQ(Events().size(), 2u);
  EXPECT_EQ(Events()[0].detail.Find("state")->AsString(), "ALARM");
  EXPECT_EQ(Events()[1].detail.Find("state")->AsString(), "INSUFFICIENT_DATA");
  EXPECT_FALSE(alarms_->NextDue());
  EXPECT_LT(ticks_, 10);
}

TEST_F(AlarmsTest, Restart_DoesNotRepeatAnEvent) {
  Set("when: sum > 5\nperiod: 1m\ndatapoints: 1 of 1");
  Put(now_, 9);
  AdvanceTo(now_ + minutes(1));
  Put(now_, 9);
  AdvanceTo(now_ + minutes(1));
  alarms_ = std::make_unique<Alarms>(*db_);
  AdvanceTo(now_ + Duration(5));
  EXPECT_EQ(Events().size(), 1u);
  EXPECT_EQ(State(), AlarmState::kAlarm);
}

TEST_F(AlarmsTest, Set_Unchanged_KeepsState_Changed_BeginsAnew_LeftOut_Goes) {
  Set("when: sum > 5\nperiod: 1m\ndatapoints: 1 of 1");
  Put(now_, 9);
  AdvanceTo(now_ + minutes(1));
  Set("when: sum > 5\nperiod: 1m\ndatapoints: 1 of 1");
  EXPECT_EQ(State(), AlarmState::kAlarm);
  Set("when: sum > 50\nperiod: 1m\ndatapoints: 1 of 1");
  EXPECT_EQ(State(), AlarmState::kInsufficientData);
  ASSERT_TRUE(db_->Write([&](db::Tx& tx) { return Alarms::Set(tx, "p", {}, now_); }));
  EXPECT_TRUE(db_->Read([](db::Reader& r) { return Alarms::List(r); })->empty());
  AdvanceTo(now_ + minutes(5));
  EXPECT_FALSE(alarms_->NextDue());
}

TEST_F(AlarmsTest, Point_OfTheSameSource_IsReplaced_WithoutSource_IsAdded) {
  Put(now_, 1);
  Put(now_, 2);
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(db_->Write([&](db::Tx& tx) {
      return PutPoint(tx, {.metric = "m", .time = now_, .samples = Samples::Of(3)});
    }));
  }
  const auto count = [&](const Dimensions& dimensions) {
    return db_->Read([&](db::Reader& reader) -> Result<size_t> {
      const auto series = TRY(FindSeries(reader, "m", dimensions));
      return TRY(ListPoints(reader, series->number, now_, now_ + minutes(1))).size();
    });
  };
  EXPECT_EQ(*count({{"endpoint", "e"}}), 1u);
  EXPECT_EQ(*count({}), 2u);
}

TEST(Metrics, Text_IsPrometheus) {
  Metrics metrics;
  metrics.GetCounter("requests_total", "Requests.", {{"endpoint", "a\"b"}}).Add();
  metrics.GetGauge("up", "Is it up?").Set(1);
  const double bounds[] = {0.1, 1};
  Histogram& latency = metrics.GetHistogram("latency_seconds", "Latency.", {}, bounds);
  latency.Observe(0.1);
  latency.Observe(5);
  EXPECT_EQ(metrics.Text(),
            "# HELP latency_seconds Latency.\n# TYPE latency_seconds histogram\n"
            "latency_seconds_bucket{le=\"0.1\"} 1\nlatency_seconds_bucket{le=\"1\"} 1\n"
            "latency_seconds_bucket{le=\"+Inf\"} 2\nlatency_seconds_sum 5.1\n"
            "latency_seconds_count 2\n"
            "# HELP requests_total Requests.\n# TYPE requests_total counter\n"
            "requests_total{endpoint=\"a\\\"b\"} 1\n"
            "# HELP up Is it up?\n# TYPE up gauge\nup 1\n");
}

}  // namespace
}  // namespace tatara::telemetry
