#include "telemetry/alarm.h"

#include <gtest/gtest.h>

namespace tatara::telemetry {
namespace {

AlarmSpec Spec(const std::string& datapoints, const std::string& missing, int range = 5) {
  const auto yaml = ParseYaml("when: maximum > 5\nperiod: 1m\ndatapoints: " + datapoints +
                              "\nmissing: " + missing + "\nrange: " + std::to_string(range));
  return *ParseAlarm("a", *yaml, MetricKey::kOptional);
}

// '0' fine, 'X' breaching, '-' nothing; newest right. Evaluated at the end of the last period.
AlarmState StateOf(const std::string& picture, const AlarmSpec& spec, AlarmState current) {
  std::vector<Point> points;
  for (size_t i = 0; i < picture.size(); ++i) {
    if (picture[i] == '-') continue;
    const Time time(std::chrono::minutes(100 + i));
    points.push_back({time, Samples::Of(picture[i] == 'X' ? 9 : 1), time});
  }
  const Evaluation found =
      Evaluate(spec, points, Time(std::chrono::minutes(100 + picture.size())), current);
  EXPECT_EQ(found.picture, picture);
  return found.state;
}

struct Row {
  std::string datapoints, picture, states;  // of missing, ignore, breaching, notBreaching; K = keep
};

class CloudWatchTable : public testing::TestWithParam<Row> {};

TEST_P(CloudWatchTable, Evaluate_DocumentedExample_SameState) {
  const auto& [datapoints, picture, states] = GetParam();
  const std::string kinds[] = {"missing", "ignore", "breaching", "notBreaching"};
  for (size_t i = 0; i < 4; ++i) {
    for (const AlarmState before :
         {AlarmState::kOk, AlarmState::kAlarm, AlarmState::kInsufficientData}) {
      const AlarmState wanted = states[i] == 'A'   ? AlarmState::kAlarm
                                : states[i] == 'O' ? AlarmState::kOk
                                : states[i] == 'I' ? AlarmState::kInsufficientData
                                                   : before;
      EXPECT_EQ(StateOf(picture, Spec(datapoints, kinds[i]), before), wanted)
          << picture << " " << kinds[i] << " from " << StateName(before);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    Guide, CloudWatchTable,
    testing::Values(Row{"3 of 3", "0-X-X", "OOOO"}, Row{"3 of 3", "0----", "OOOO"},
                    Row{"3 of 3", "-----", "IKAO"}, Row{"3 of 3", "0XX-X", "AAAA"},
                    Row{"3 of 3", "--X--", "AKAO"}, Row{"2 of 3", "0-X-X", "AAAA"},
                    Row{"2 of 3", "00X0X", "AAAA"}, Row{"2 of 3", "0-X--", "OOAO"},
                    Row{"2 of 3", "----0", "OOAO"}, Row{"2 of 3", "---X-", "AKAO"}));

TEST(Evaluate, OneBreachAmongMissing_DoesNotAlarm) {
  EXPECT_EQ(StateOf("----X", Spec("3 of 3", "missing"), AlarmState::kOk), AlarmState::kOk);
  EXPECT_EQ(StateOf("---X-", Spec("3 of 3", "missing"), AlarmState::kOk), AlarmState::kOk);
}

TEST(Evaluate, PointThatHasNotArrived_IsNotSeen) {
  const AlarmSpec spec = Spec("1 of 1", "missing", 1);
  const Time t(std::chrono::minutes(10));
  const std::vector<Point> points = {{t, Samples::Of(9), t + std::chrono::minutes(5)}};
  EXPECT_EQ(Evaluate(spec, points, t + std::chrono::minutes(1), AlarmState::kOk).state,
            AlarmState::kInsufficientData);
}

TEST(Evaluate, TwoPointsAtOneTime_AreTwoSamples) {
  auto spec =
      *ParseAlarm("a", *ParseYaml("when: samplecount >= 2\nperiod: 10s\ndatapoints: 1 of 1"),
                  MetricKey::kOptional);
  const Time t(std::chrono::seconds(100));
  const std::vector<Point> points = {{t, Samples::Of(1), t}, {t, Samples::Of(1), t}};
  EXPECT_EQ(Evaluate(spec, points, t + std::chrono::seconds(10), AlarmState::kOk).state,
            AlarmState::kAlarm);
}

TEST(Evaluate, DayWindowStampedAtLocalMidnight_CountsOnceItsUtcDayHasEnded) {
  auto spec = *ParseAlarm("a", *ParseYaml("when: average > 11\nperiod: 1d\ndatapoints: 1 of 1"),
                          MetricKey::kOptional);
  const Time stamp = *ParseTime("2013-05-05T04:00:00Z"),
             arrives = *ParseTime("2013-05-06T12:00:00Z");
  const std::vector<Point> points = {{stamp, Samples::Of(12), arrives}};
  const Evaluation found = Evaluate(spec, points, arrives, AlarmState::kOk);
  EXPECT_EQ(found.state, AlarmState::kAlarm);
  ASSERT_EQ(found.window.size(), 1u);
  EXPECT_EQ(found.window[0].time, stamp);
}

struct Bad {
  std::string yaml, message;
};
class BadAlarm : public testing::TestWithParam<Bad> {};
TEST_P(BadAlarm, Parse_Refused_SaysWhy) {
  const auto spec = ParseAlarm("a", *ParseYaml(GetParam().yaml), MetricKey::kOptional);
  ASSERT_FALSE(spec);
  EXPECT_NE(spec.error().message.find(GetParam().message), std::string::npos)
      << spec.error().message;
}
INSTANTIATE_TEST_SUITE_P(
    Kinds, BadAlarm,
    testing::Values(Bad{"when: median > 5\nperiod: 1m\ndatapoints: 1 of 1", "line 1"},
                    Bad{"when: sum > inf\nperiod: 1m\ndatapoints: 1 of 1", "finite"},
                    Bad{"when: sum > 5\nperiod: 15s\ndatapoints: 1 of 1", "10s, 20s"},
                    Bad{"when: sum > 5\nperiod: 1m\ndatapoints: 3 of 2", "1 <= M <= N"},
                    Bad{"when: sum > 5\nperiod: 1m\ndatapoints: 1 of 2\nmising: ignore",
                        "did you mean 'missing'"},
                    Bad{"when: sum > 5\nperiod: 1m\ndatapoints: 1 of 3\nrange: 2", "range"},
                    Bad{"when: sum > 5\nperiod: 1m\ndatapoints: 1 of 3\nmissing: Ignore",
                        "notBreaching"}));

TEST(AlarmSpec, CanonicalForm_ReadsBackAlike) {
  const AlarmSpec spec = *ParseAlarm(
      "a", *ParseYaml("metric: {name: m, dimensions: {endpoint: e}}\nwhen: sum <= -1.5\n"
                      "period: 120s\ndatapoints: 2 of 3\nmissing: ignore"));
  EXPECT_EQ(ToJson(*ParseAlarm("a", JsonToYaml(ToJson(spec)))), ToJson(spec));
}

}  // namespace
}  // namespace tatara::telemetry
