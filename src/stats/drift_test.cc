#include "stats/drift.h"

#include <gtest/gtest.h>

#include <cmath>

namespace tatara::stats {
namespace {

using Type = DriftColumn::Type;

DriftColumn Numbers(std::string name, Type type, std::vector<double> values) {
  DriftColumn column{.name = std::move(name), .type = type};
  column.rows = static_cast<int64_t>(values.size());
  column.numbers = std::move(values);
  return column;
}

DriftColumn Texts(std::string name, std::vector<std::string> values) {
  DriftColumn column{.name = std::move(name), .type = Type::kText};
  column.rows = static_cast<int64_t>(values.size());
  column.texts = std::move(values);
  column.present.assign(column.texts.size(), 1);
  return column;
}

TEST(CompareTables, SortsColumnsIntoTheirLists) {
  DriftColumn when{.name = "when", .type = Type::kOther, .rows = 1};
  const auto report = CompareTables(
      {Texts("city", {"a"}), Numbers("x", Type::kFloat, {1}), Numbers("gone", Type::kFloat, {1}),
       when, Numbers("code", Type::kInteger, {1})},
      {Numbers("x", Type::kInteger, {2}), Texts("city", {"b"}), Texts("code", {"1"}), when,
       Numbers("new", Type::kFloat, {1})},
      {});
  ASSERT_TRUE(report);
  ASSERT_EQ(report->features.size(), 2u);
  EXPECT_EQ(report->features[0].name, "city");
  EXPECT_EQ(report->features[1].name, "x");  // an integer is as good as a float
  EXPECT_EQ(report->only_in_baseline, std::vector<std::string>{"gone"});
  EXPECT_EQ(report->only_in_current, std::vector<std::string>{"new"});
  EXPECT_EQ(report->type_changed, std::vector<std::string>{"code"});
  EXPECT_EQ(report->skipped, std::vector<std::string>{"when"});
}

TEST(CompareTables, TakesIntegersAsCategories_WhenTold) {
  const auto report = CompareTables({Numbers("k", Type::kInteger, {1, 2, std::nan("")})},
                                    {Numbers("k", Type::kFloat, {1, 2, 3})}, {{}, {"k"}});
  ASSERT_TRUE(report);
  const auto& d = std::get<CategoricalDistance>(report->features[0].distance);
  EXPECT_EQ(d.baseline.missing, 1);
  EXPECT_NEAR(*d.l_infinity, 1.0 / 3, 1e-15);
}

TEST(CompareTables, GivesAnEmptyUntypedColumnTheOtherType) {
  DriftColumn empty{.name = "x", .type = Type::kText, .untyped = true, .rows = 2};
  const auto report = CompareTables({empty}, {Numbers("x", Type::kFloat, {1, 2})}, {});
  ASSERT_TRUE(report);
  const auto& d = std::get<NumericDistance>(report->features.at(0).distance);
  EXPECT_FALSE(d.psi);
  EXPECT_EQ(*d.null_rate_difference, -1);
}

TEST(CompareTables, NamesAColumnThatNobodyHas) {
  const auto report = CompareTables({Numbers("temp", Type::kFloat, {1})},
                                    {Numbers("temp", Type::kFloat, {1})}, {{"tempp"}, {}});
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code, Code::kInvalid);
  EXPECT_NE(report.error().message.find("did you mean 'temp'"), std::string::npos);
}

TEST(ToJson, WritesNullForWhatIsUndefined) {
  const auto report =
      CompareTables({Numbers("x", Type::kFloat, {})}, {Numbers("x", Type::kFloat, {1})}, {});
  const std::string text = ToJson(*report).Dump();
  EXPECT_NE(text.find("\"psi\":null"), std::string::npos);
  EXPECT_NE(text.find("\"null_rate_difference\":null"), std::string::npos);
}

}  // namespace
}  // namespace tatara::stats
