#include "serving/spec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tatara::serving {
namespace {

using ::testing::HasSubstr;

Result<EndpointSpec> Parse(std::string_view yaml, const std::string& name = "delay") {
  return ParseEndpoint(name, *ParseYaml(yaml));
}

TEST(ParseEndpoint, ReadsAllFields) {
  const auto spec =
      Parse("model: models:/delay@champion\ncapture: {sample: 12.5%}\nkeep_versions: 5\n");
  ASSERT_TRUE(spec) << spec.error().message;
  EXPECT_EQ(*spec, (EndpointSpec{"delay", "models:/delay@champion", 12.5, 5}));
}

TEST(ParseEndpoint, CapturesAllAndKeepsThreeByDefault) {
  const auto spec = Parse("model: models:/delay/4\n");
  ASSERT_TRUE(spec);
  EXPECT_EQ(*spec, (EndpointSpec{"delay", "models:/delay/4", 100, 3}));
}

struct BadCase {
  std::string yaml, error;
};
class ParseEndpointBad : public testing::TestWithParam<BadCase> {};

TEST_P(ParseEndpointBad, SaysWhatAndWhere) {
  const auto spec = Parse(GetParam().yaml);
  ASSERT_FALSE(spec);
  EXPECT_THAT(spec.error().message, HasSubstr(GetParam().error));
}
INSTANTIATE_TEST_SUITE_P(
    All, ParseEndpointBad,
    testing::Values(BadCase{"capture: {sample: 1%}\n", "model"},
                    BadCase{"model: delay.onnx\n", "line 1"},
                    BadCase{"model: models:/delay\n", "models:/NAME@ALIAS"},
                    BadCase{"model: models:/delay/0\n", "models:/NAME/VERSION"},
                    BadCase{"model: models:/d@c\ncapture:\n  sample: 120%\n", "line 3"},
                    BadCase{"model: models:/d@c\ncaptur: {}\n", "did you mean 'capture'"},
                    BadCase{"model: models:/d@c\nkeep_versions: 0\n", "keep_versions"},
                    BadCase{"model: models:/d@c\nrollout: {canary: [10%]}\n", "rollout"}));

TEST(CheckEndpointName, TakesWhatIsSafeInPathsAndUrls) {
  for (const char* name : {"delay", "a", "Delay-2.x_y", "7"}) EXPECT_TRUE(CheckEndpointName(name));
  for (const char* name : {"", ".", "..", "a/b", "a b", "-a", "é", "a\n"}) {
    EXPECT_FALSE(CheckEndpointName(name)) << name;
  }
  EXPECT_FALSE(CheckEndpointName(std::string(64, 'a')));
}

}  // namespace
}  // namespace tatara::serving
