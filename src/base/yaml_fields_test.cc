#include "base/yaml_fields.h"

#include <gtest/gtest.h>

namespace tatara {
namespace {

TEST(YamlFields, Finish_NamesAnUnknownKeyItsLineAndTheNearest) {
  const Yaml yaml = *ParseYaml("period: 1d\nmising: breaching\n");
  YamlFields fields(yaml, "alarm 'x'");
  EXPECT_EQ(fields.DurationOr("period", {}), std::chrono::days(1));
  fields.TextOr("missing", "");
  EXPECT_EQ(fields.Finish().error().message,
            "line 2: unknown key 'mising' in alarm 'x'; did you mean 'missing'?");
}

TEST(YamlFields, TheFirstErrorCounts) {
  const Yaml yaml = *ParseYaml("a: [1]\nb: x\n");
  YamlFields fields(yaml, "it");
  fields.Text("a");
  fields.IntOr("b", 0);
  EXPECT_EQ(fields.Finish().error().message, "line 1: 'a' of it must be a single value");
}

TEST(YamlFields, AMissingKeyIsNamed) {
  const Yaml yaml = *ParseYaml("a: 1\n");
  YamlFields fields(yaml, "it");
  fields.IntOr("a", 0);
  fields.Text("b");
  EXPECT_EQ(fields.Finish().error().message, "line 1: it needs 'b'");
}

TEST(YamlFields, RefusedKeys_AreUnsupported) {
  const Yaml yaml = *ParseYaml("rollout: {}\nx: {rollout: {a: 1}}\n");
  YamlFields fields(*yaml.Find("x"), "endpoint 'e'");
  fields.Refuse("rollout", "is not in this version");
  EXPECT_EQ(fields.Finish().error().code, Code::kUnsupported);
}

}  // namespace
}  // namespace tatara
