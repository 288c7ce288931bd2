#include "project/project.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tatara::project {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

ParseOptions Options(std::string file = "tatara.yaml") {
  ParseOptions options;
  options.file = std::move(file);
  options.lookup = [](std::string_view) { return std::nullopt; };
  options.check_sql = [](const std::string& query) -> Status {
    if (query.find(">>") == std::string::npos) return {};
    return Invalid("line 1, column 20: Parser Error: syntax error at or near \">>\"");
  };
  return options;
}

std::string ErrorOf(const std::string& text, const ParseOptions& options = Options()) {
  const auto project = Parse("project: p\n" + text, options);
  return project ? "" : project.error().message;
}

TEST(Parse, RefusesWhatCanNeverWork) {
  const std::string release =
      "pipelines:\n  train:\n    file: dvc.yaml\n    register: {model: m, run: run.txt}\n";
  const auto gate = [&](const std::string& metric) {
    return release + "    gate:\n      data: d.csv\n      label: y\n      metric: " + metric +
           "\n    promote: champion\n";
  };
  struct Case {
    std::string text, begin, part;
  };
  const Case table[] = {
      {gate("mae"), "", ""},
      {gate("maee"), "tatara.yaml:9: gate: unknown metric 'maee'", "did you mean 'mae'"},
      {gate("bias"), "tatara.yaml:9: gate: ", "does not say which model is better"},
      {release + "    promote: a_b-c2\n", "", ""},
      {release + "    promote: 'a b/c'\n", "tatara.yaml:6: promote: ", "'a b/c'"},
      {release + "    promote: Latest\n", "tatara.yaml:6: promote: ", "reserved"},
      {release + "    promote: v3\n", "tatara.yaml:6: promote: ", "'v3'"},
      {"endpoints:\n  e: {model: 'models:/m@champion'}\n", "", ""},
      {"endpoints:\n  e: {model: 'models:/m/3'}\n", "", ""},
      {"endpoints:\n  e:\n    capture: {}\n    model: 'models:/m@a b'\n",
       "tatara.yaml:5: endpoint 'e': model: ", "'a b'"},
      {"endpoints:\n  e: {model: 'models:/m@latest'}\n",
       "tatara.yaml:3: endpoint 'e': model: ", "reserved"},
      {"endpoints:\n  e: {model: 'models:/m@c'}\nmonitors:\n  m:\n    endpoint: e\n    expect:\n"
       "      complete: auto\n      good: avg(x) > 1\n",
       "", ""},
      {"endpoints:\n  e: {model: 'models:/m@c'}\nmonitors:\n  m:\n    endpoint: e\n    expect:\n"
       "      good: avg(x) > 1\n      odd: avg(x) >> 1\n",
       "tatara.yaml:9: monitor 'm': expect rule 'odd': Parser Error: ", "syntax error"},
  };
  for (const Case& c : table) {
    const std::string message = ErrorOf(c.text);
    EXPECT_EQ(message.empty(), c.begin.empty()) << c.text << message;
    EXPECT_THAT(message, StartsWith(c.begin)) << c.text;
    EXPECT_THAT(message, HasSubstr(c.part)) << c.text;
  }
}

TEST(Parse, NamesTheFileThatWasGiven) {
  EXPECT_THAT(ErrorOf("alarm: {}\n", Options("other.yaml")), StartsWith("other.yaml:2: "));
  EXPECT_THAT(ErrorOf("alarms: [\n", Options("sub/other.yaml")), StartsWith("sub/other.yaml:"));
}

TEST(Parse, WarnsOfAlarmsThatAreNotHere) {
  const auto warnings = [](const std::string& when, const ParseOptions& options = Options()) {
    const auto project = Parse(
        "project: p\nalarms:\n  quality:\n    metric: {name: errors, dimensions: {endpoint: e}}\n  "
        "  when: maximum > 1\n    "
        "period: 1m\n    datapoints: 1 of 1\nnotices:\n"
        "  n: {webhook: ''}\nrules:\n  r:\n    notify: n\n    when: " +
            when + "\nendpoints:\n  e: {model: 'models:/m@c'}\n",
        options);
    EXPECT_TRUE(project) << when << ": " << (project ? "" : project.error().message);
    return project ? project->warnings : std::vector<std::string>{"refused"};
  };
  EXPECT_THAT(warnings("{detail: {alarm: [quality]}}"), IsEmpty());
  EXPECT_THAT(warnings("{source: [tatara.alarm]}"), IsEmpty());
  EXPECT_THAT(warnings("{source: [mine], detail: {alarm: [other]}}"), IsEmpty());
  EXPECT_THAT(warnings("{detail: {alarm: [{prefix: q}]}}"), IsEmpty());
  EXPECT_THAT(warnings("{source: [tatara.alarm], detail: {alarm: [qualty, quality]}}"),
              ElementsAre("tatara.yaml:13: rule 'r': this project has no alarm 'qualty'; did you "
                          "mean 'quality'?"));
  EXPECT_THAT(warnings("{detail.alarm: [elsewhere]}", Options("o.yaml")),
              ElementsAre("o.yaml:13: rule 'r': this project has no alarm 'elsewhere'"));
}

TEST(Parse, WarnsOfAlarmsThatNothingFeeds) {
  const auto warning = [](const std::string& metric) {
    const auto project =
        Parse("project: p\nalarms:\n  a:\n    metric: " + metric +
                  "\n    when: maximum > 1\n    period: 1m\n    datapoints: 1 of 1\n"
                  "endpoints:\n  e: {model: 'models:/m@c'}\n"
                  "monitors:\n  m: {endpoint: e, expect: {complete: auto}}\n",
              Options());
    EXPECT_TRUE(project) << metric;
    if (!project || project->warnings.empty()) return std::string();
    return project->warnings[0];
  };
  struct Case {
    std::string metric, why;  // no reason: no warning
  };
  const Case table[] = {
      {"{name: latency, dimensions: {endpoint: e}}", ""},
      {"{name: prediction_drift, dimensions: {endpoint: e}}", ""},
      {"{name: feature_drift, dimensions: {endpoint: e, feature: x}}", ""},
      {"{name: model_quality, dimensions: {endpoint: e, metric: f1_macro}}", ""},
      {"{name: data_fault, dimensions: {endpoint: e, rule: complete}}", ""},
      {"{name: feature_drfit, dimensions: {endpoint: e, feature: x}}",
       "nothing writes the metric 'feature_drfit'; did you mean 'feature_drift'?"},
      {"{name: latency, dimensions: {endpoint: f}}", "this project has no endpoint 'f'"},
      {"{name: model_quality, dimensions: {endpoint: e}}",
       "the dimensions of model_quality are {endpoint, metric}"},
      {"{name: latency, dimensions: {endpoint: e, feature: x}}",
       "the dimensions of latency are {endpoint}"},
      {"{name: model_quality, dimensions: {endpoint: e, metric: f1_makro}}",
       "there is no model_quality of metric 'f1_makro'; did you mean 'f1_macro'?"},
      {"{name: data_fault, dimensions: {endpoint: e, rule: complet}}",
       "no monitor of the endpoint has an expect rule 'complet'; did you mean 'complete'?"},
  };
  for (const Case& c : table) {
    const std::string text = warning(c.metric);
    EXPECT_EQ(text.empty(), c.why.empty()) << c.metric << text;
    if (!c.why.empty())
      EXPECT_THAT(text, StartsWith("tatara.yaml:4: alarm 'a' will have no data: "));
    EXPECT_THAT(text, HasSubstr(c.why));
  }
}

}  // namespace
}  // namespace tatara::project
