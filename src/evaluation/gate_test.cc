#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "evaluation/evaluation.h"

namespace tatara::evaluation {
namespace {

TEST(CheckMetricName, NamesTheNearest) {
  for (const char* name : {"mae", "r2", "roc_auc", "f1_macro", "log_loss"}) {
    EXPECT_TRUE(CheckMetricName(name)) << name;
  }
  for (const auto& [name, part] :
       {std::pair("maee", "did you mean 'mae'"), std::pair("ROC_AUC", "unknown metric 'ROC_AUC'"),
        std::pair("", "unknown metric ''"),
        std::pair("bias", "does not say which model is better")}) {
    const Status known = CheckMetricName(name);
    ASSERT_FALSE(known) << name;
    EXPECT_EQ(known.error().code, Code::kInvalid);
    EXPECT_THAT(known.error().message, ::testing::HasSubstr(part));
  }
}

TEST(ShortNumber, HasFourDigits) {
  const std::pair<double, const char*> table[] = {
      {0.13808400584638036, "0.1381"},
      {-0.025150861328891022, "-0.02515"},
      {0.3013188730216517, "0.3013"},
      {7.5, "7.5"},
      {12345.678, "1.235e+04"},
      {1e-300, "1e-300"},
      {0, "0"},
  };
  for (const auto& [value, text] : table) EXPECT_EQ(ShortNumber(value), text);
}

}  // namespace
}  // namespace tatara::evaluation
