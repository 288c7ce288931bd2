#include "monitor/judge.h"

#include <gtest/gtest.h>

#include <cmath>

#include "monitor/window.h"

namespace tatara::monitor {
namespace {

sql::Column Numbers(const std::string& name, const std::vector<double>& values) {
  sql::Column column;
  column.name = name;
  column.type = sql::Type::kDouble;
  for (const double value : values) {
    column.valid.push_back(std::isnan(value) ? 0 : 1);
    column.doubles.push_back(std::isnan(value) ? 0 : value);
  }
  return column;
}

std::optional<double> Find(const Judgement& judgement, const std::string& metric,
                           const std::string& key, const std::string& name) {
  for (const Figure& figure : judgement.figures) {
    const auto found = figure.dimensions.find(key);
    if (figure.metric == metric && found != figure.dimensions.end() && found->second == name) {
      return figure.value;
    }
  }
  return std::nullopt;
}

MonitorSpec Spec() {
  return *ParseMonitor("m", *ParseYaml("endpoint: e\nexpect: {complete: auto}\n"));
}

TEST(JudgeWindow, AFeatureThatFallsSilent_IsAFault_NotDrift) {
  std::vector<double> training;
  for (int i = 0; i < 1000; ++i) training.push_back(i);
  const auto baseline = MakeBaseline({{Numbers("temp", training)}}, {});
  const double none = std::nan("");
  const auto judged =
      JudgeWindow(Spec(), {{Numbers("temp", {1, none, none, none})}}, baseline.get(), nullptr);
  EXPECT_EQ(Find(judged, "data_fault", "rule", "complete"), 1);
  EXPECT_EQ(Find(judged, "feature_missing", "feature", "temp"), 0.75);
  ASSERT_EQ(judged.faults.size(), 1u);
  EXPECT_EQ(judged.faults[0].feature, "temp");
  EXPECT_EQ(judged.faults[0].value, 0.25);
}

TEST(JudgeWindow, AFeatureThatWasOftenMissingInTraining_IsNotAsked) {
  std::vector<double> training(1000, std::nan(""));
  for (int i = 0; i < 900; ++i) training[static_cast<size_t>(i)] = i;
  const auto baseline = MakeBaseline({{Numbers("gust", training)}}, {});
  const auto judged = JudgeWindow(Spec(), {{Numbers("gust", {std::nan(""), std::nan("")})}},
                                  baseline.get(), nullptr);
  EXPECT_EQ(Find(judged, "data_fault", "rule", "complete"), 0);
  EXPECT_TRUE(judged.faults.empty());
}

TEST(JudgeWindow, ValuesOutsideTheTraining_AreCounted) {
  const auto baseline = MakeBaseline({{Numbers("x", {1, 2, 3, 4})}}, {});
  const auto judged = JudgeWindow(Spec(), {{Numbers("x", {0, 2, 5, 3})}}, baseline.get(), nullptr);
  EXPECT_EQ(Find(judged, "feature_out_of_range", "feature", "x"), 0.5);
  EXPECT_TRUE(Find(judged, "feature_drift", "feature", "x").has_value());
}

TEST(JudgeQuality, WithTooFewTruths_GivesNothing) {
  const double none = std::nan("");
  sql::Table rows{{Numbers("prediction", {1, 2, 3, 4}), Numbers("truth", {2, none, none, none})}};
  EXPECT_TRUE(JudgeQuality(Spec(), rows).metrics.empty());
  rows.columns[1] = Numbers("truth", {2, 4, none, none});
  const Quality quality = JudgeQuality(Spec(), rows);
  EXPECT_EQ(quality.labelled, 2);
  ASSERT_FALSE(quality.metrics.empty());
  EXPECT_EQ(quality.metrics[0].name, "mae");
  EXPECT_EQ(quality.metrics[0].value, 1.5);
}

TEST(WindowAt, LocalDays_FollowTheClocks) {
  const TimeZone york = *TimeZone::Find("America/New_York");
  const Window window = WindowAt(*ParseTime("2013-05-06T03:00:00Z"), std::chrono::days(1), york);
  EXPECT_EQ(FormatTime(window.start), "2013-05-05T04:00:00Z");
  EXPECT_EQ(FormatTime(window.end), "2013-05-06T04:00:00Z");
  const Window week = WindowAt(*ParseTime("2013-05-06T12:00:00Z"), std::chrono::days(7), york);
  EXPECT_EQ(week.end - week.start, std::chrono::days(7));
  EXPECT_EQ(WindowAt(week.end, std::chrono::days(7), york).start, week.end);
}

TEST(WindowAt, ShortSpans_AreCountedFrom1970) {
  const Window window = WindowAt(*ParseTime("2013-05-06T12:34:00Z"), std::chrono::minutes(15), {});
  EXPECT_EQ(FormatTime(window.start), "2013-05-06T12:30:00Z");
  EXPECT_EQ(FormatTime(window.end), "2013-05-06T12:45:00Z");
}

TEST(ParseMonitor, NamesWhatIsWrong) {
  const auto message = [](const char* text) {
    return ParseMonitor("m", *ParseYaml(text)).error().message;
  };
  EXPECT_NE(message("endpont: e\n").find("did you mean 'endpoint'"), std::string::npos);
  EXPECT_NE(message("endpoint: e\ntimezone: Mars\n").find("Mars"), std::string::npos);
  EXPECT_NE(message("endpoint: e\ntruth: {minimum: 150%}\n").find("150%"), std::string::npos);
  EXPECT_NE(message("endpoint: e\nexpect: {wind: auto}\n").find("complete"), std::string::npos);
}

}  // namespace
}  // namespace tatara::monitor
