#include "release/condition.h"

#include <gtest/gtest.h>

#include <map>

namespace tatara::release {
namespace {

const std::map<std::string, double, std::less<>> kMetrics = {{"mae", 7.5}, {"line/mae", 8}};

std::optional<double> Lookup(std::string_view name) {
  const auto found = kMetrics.find(name);
  return found == kMetrics.end() ? std::nullopt : std::optional(found->second);
}

TEST(Condition, Evaluates) {
  const std::pair<const char*, bool> cases[] = {
      {"mae <= 9 and mae < line/mae", true},
      {"mae<=7.5", true},
      {"mae > 7.5", false},
      {"not mae > 7.5", true},
      {"mae > 9 or (mae > 1 and line/mae == 8)", true},
      {"mae > 9 or mae > 1 and mae > 2 and mae > 100", false},
      {"1e1 > mae", true},
      {"mae != 7.5", false},
  };
  for (const auto& [text, wanted] : cases) {
    auto result = EvaluateCondition(text, Lookup);
    ASSERT_TRUE(result) << text << ": " << result.error().message;
    EXPECT_EQ(result->holds, wanted) << text;
  }
}

TEST(Condition, NamesWhatIsWrong) {
  EXPECT_NE(EvaluateCondition("rmse < 3", Lookup).error().message.find("'rmse'"),
            std::string::npos);
  for (const char* text : {"", "mae", "mae <", "< 3", "mae < 3 and", "(mae < 3", "mae < 3)",
                           "mae = 3", "mae < 3 mae > 2", "and < 3"}) {
    EXPECT_FALSE(CheckCondition(text)) << text;
  }
  EXPECT_FALSE(CheckCondition(std::string(100000, '(')));
}

TEST(Condition, SaysWhy) {
  EXPECT_EQ(EvaluateCondition("mae <= 9 and mae < 7", Lookup)->why,
            "mae = 7.5 <= 9; mae = 7.5 < 7 does not hold");
  const auto long_numbers = [](std::string_view name) -> std::optional<double> {
    return name == "mae" ? 7.738112345 : 7.738112346;
  };
  EXPECT_EQ(EvaluateCondition("mae <= 9", long_numbers)->why, "mae = 7.738 <= 9");
  EXPECT_EQ(EvaluateCondition("line < mae", long_numbers)->why,
            "line = 7.738112346 < mae = 7.738112345 does not hold");
}

}  // namespace
}  // namespace tatara::release
