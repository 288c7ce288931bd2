#include "monitor/judge.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "monitor/series.h"
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

sql::Column Texts(const std::string& name, const std::vector<std::string>& values) {
  sql::Column column;
  column.name = name;
  column.type = sql::Type::kText;
  for (const std::string& value : values) column.valid.push_back(value.empty() ? 0 : 1);
  column.texts = values;
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
  const auto baseline = MakeBaseline({{Numbers("temp", training)}}, nullptr);
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
  const auto baseline = MakeBaseline({{Numbers("gust", training)}}, nullptr);
  const auto judged = JudgeWindow(Spec(), {{Numbers("gust", {std::nan(""), std::nan("")})}},
                                  baseline.get(), nullptr);
  EXPECT_EQ(Find(judged, "data_fault", "rule", "complete"), 0);
  EXPECT_TRUE(judged.faults.empty());
}

TEST(JudgeWindow, ValuesOutsideTheTraining_AreCounted) {
  const auto baseline = MakeBaseline({{Numbers("x", {1, 2, 3, 4})}}, nullptr);
  const auto judged = JudgeWindow(Spec(), {{Numbers("x", {0, 2, 5, 3})}}, baseline.get(), nullptr);
  EXPECT_EQ(Find(judged, "feature_out_of_range", "feature", "x"), 0.5);
  EXPECT_TRUE(Find(judged, "feature_drift", "feature", "x").has_value());
}

TEST(JudgeWindow, PredictedClasses_Drift) {
  const sql::Column trained = Texts("prediction", {"a", "a", "b", "b"});
  const auto baseline = MakeBaseline({}, &trained);
  const auto drift = [&](const sql::Column& now) {
    return JudgeWindow(Spec(), {{now}}, baseline.get(), nullptr).figures.at(0);
  };
  EXPECT_EQ(drift(Texts("prediction", {"b", "a"})).metric, "prediction_drift");
  EXPECT_EQ(drift(Texts("prediction", {"b", "a"})).value, 0);
  EXPECT_NEAR(drift(Texts("prediction", {"a", "a", "a", "b"})).value, 0.27465307, 1e-8);
}

TEST(JudgeWindow, EachFigure_IsOfASeriesThatAlarmsMayName) {
  const sql::Table rows{{Numbers("n", {1, 2, 3, 4}), Texts("t", {"a", "b", "b", ""}),
                         Numbers("prediction", {1, 2, 3, 5})}};
  const auto baseline = MakeBaseline(rows, &rows.columns[2]);
  const auto figures = JudgeWindow(Spec(), rows, baseline.get(), nullptr).figures;
  std::set<std::string> written;
  for (const Figure& figure : figures) {
    const auto dimension = DimensionOf(figure.metric);
    ASSERT_TRUE(dimension) << figure.metric;
    EXPECT_EQ(figure.dimensions.size(), dimension->empty() ? 0u : 1u) << figure.metric;
    if (!dimension->empty()) EXPECT_TRUE(figure.dimensions.contains(*dimension)) << figure.metric;
    written.insert(figure.metric);
  }
  written.insert("model_quality");  // JudgeQuality's
  for (const std::string& name : SeriesNames()) EXPECT_TRUE(written.contains(name)) << name;
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

std::optional<double> MetricOf(const Quality& quality, const std::string& name) {
  for (const auto& [key, value] : quality.metrics) {
    if (key == name) return value;
  }
  return std::nullopt;
}

// Expected figures: scikit-learn 1.9.
TEST(JudgeQuality, OfClasses_HasTheFiguresOfEvaluate) {
  const sql::Table rows{{
      Texts("prediction", {"a", "b", "b", "c", "c"}),
      Texts("probabilities",
            {"[0.7,0.2,0.1]", "[0.3,0.4,0.3]", "[0.1,0.8,0.1]", "[0.2,0.3,0.5]", "[0.1,0.1,0.8]"}),
      Texts("truth", {"a", "a", "b", "c", ""}),
  }};
  const Quality quality = JudgeQuality(Spec(), rows);
  EXPECT_EQ(quality.labelled, 4);
  EXPECT_EQ(MetricOf(quality, "accuracy"), 0.75);
  EXPECT_NEAR(*MetricOf(quality, "f1_macro"), 7.0 / 9, 1e-12);
  EXPECT_NEAR(*MetricOf(quality, "log_loss"), 0.6192346200347, 1e-9);
  EXPECT_NEAR(*MetricOf(quality, "brier"), 0.33, 1e-12);
  EXPECT_NEAR(*MetricOf(quality, "roc_auc"), 1.0, 1e-12);
  EXPECT_EQ(MetricOf(quality, "f1"), std::nullopt);
}

TEST(JudgeQuality, OfTwoClasses_HasAPositiveOne_AlsoWhenTheyAreNumbers) {
  const sql::Table rows{{
      Numbers("prediction", {0, 1, 1, 0}),
      Texts("p", {R"({"0":0.9,"1":0.1})", R"({"0":0.4,"1":0.6})", R"({"0":0.2,"1":0.8})",
                  R"({"0":0.7,"1":0.3})"}),
      Numbers("truth", {0, 0, 1, 1}),
  }};
  const Quality quality = JudgeQuality(Spec(), rows);
  EXPECT_EQ(MetricOf(quality, "f1"), 0.5);
  EXPECT_EQ(MetricOf(quality, "roc_auc"), 0.75);
  EXPECT_EQ(MetricOf(quality, "mae"), std::nullopt);
}

TEST(JudgeQuality, AcrossAChangeOfVersions_TakesEachRowsOwnOutput) {
  const sql::Table rows{{
      Texts("prediction", {"a", "b"}),
      Texts("probabilities", {"[0.8,0.2]", ""}),
      Texts("output_probability", {"", R"({"a":0.4,"b":0.6})"}),
      Texts("truth", {"a", "b"}),
  }};
  EXPECT_NEAR(*MetricOf(JudgeQuality(Spec(), rows), "brier"), (0.04 + 0.16) / 2, 1e-12);
}

TEST(JudgeQuality, WithoutFittingProbabilities_StillCountsClasses) {
  sql::Table rows{{
      Texts("prediction", {"a", "b"}),
      Texts("probabilities", {"[0.7,0.2,0.1]", "[0.3,0.4,0.3]"}),
      Texts("truth", {"a", "b"}),
  }};
  const Quality unseen = JudgeQuality(Spec(), rows);
  EXPECT_EQ(MetricOf(unseen, "f1_macro"), 1);
  EXPECT_EQ(MetricOf(unseen, "log_loss"), std::nullopt);
  rows.columns[1] =
      Texts("probabilities", {R"({"a":0.7,"b":0.2,"c":0.1})", R"({"a":0.3,"b":0.4,"c":0.3})"});
  EXPECT_TRUE(MetricOf(JudgeQuality(Spec(), rows), "log_loss").has_value());
  rows.columns[2] = Texts("truth", {"a", "no class"});
  EXPECT_EQ(MetricOf(JudgeQuality(Spec(), rows), "log_loss"), std::nullopt);
  EXPECT_EQ(MetricOf(JudgeQuality(Spec(), rows), "accuracy"), 0.5);
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
