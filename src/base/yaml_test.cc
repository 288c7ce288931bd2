#include "base/yaml.h"

#include <gtest/gtest.h>

namespace tatara {
namespace {

TEST(Yaml, Scalars_AreResolvedAsYaml12) {
  const std::pair<const char*, const char*> cases[] = {
      {"012", "12"},          {"0o17", "15"},     {"0x1F", "31"},
      {"1e5", "1e+05"},       {"yes", "\"yes\""}, {"1:30", "\"1:30\""},
      {"~", "null"},          {"true", "true"},   {"'1'", "\"1\""},
      {"1.5", "1.5"},         {"-3", "-3"},       {".inf", "null"},
      {"1_000", "\"1_000\""}, {"null", "null"},   {"\"null\"", "\"null\""},
      {"1.", "1.0"}};
  for (const auto& [text, wanted] : cases) {
    auto yaml = ParseYaml(text);
    ASSERT_TRUE(yaml) << text;
    EXPECT_EQ(YamlToJson(*yaml).Dump(), wanted) << text;
  }
}

TEST(Yaml, Nodes_KnowTheirLine) {
  auto yaml = ParseYaml("a: 1\nb:\n  - x\n  - {c: 2}\n");
  ASSERT_TRUE(yaml);
  EXPECT_EQ(yaml->Find("b")->items[1].Find("c")->line, 4);
}

TEST(Yaml, DoubledKeysAndBrokenText_AreErrorsWithALine) {
  EXPECT_NE(ParseYaml("a: 1\na: 2\n").error().message.find("line 2"), std::string::npos);
  EXPECT_NE(ParseYaml("a: [1\nb: 2").error().message.find("line"), std::string::npos);
}

TEST(Yaml, MergeKeys_FillWhatIsAbsent) {
  auto yaml = ParseYaml("base: &b {x: 1, y: 2}\nc: {<<: *b, y: 3}\n");
  ASSERT_TRUE(yaml);
  EXPECT_EQ(YamlToJson(*yaml->Find("c")).Dump(), R"({"y":3,"x":1})");
}

TEST(Yaml, AliasBombs_AreRefused) {
  std::string text = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 9; ++i) {
    const std::string last = "*a" + std::to_string(i - 1);
    text += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + last;
    for (int k = 0; k < 8; ++k) text += ", " + last;
    text += "]\n";
  }
  EXPECT_FALSE(ParseYaml(text));
}

TEST(ParseYaml, WhatFollowsTheDocumentIsRefusedAndAnEmptySecondOneIsNot) {
  for (const char* text : {"a: 1\n---\nb: 2\n", "[a]\n]", "{a: 1}}", "[1] 2"}) {
    EXPECT_FALSE(ParseYaml(text)) << text;
  }
  EXPECT_TRUE(ParseYaml("a: 1\n---\n"));
  EXPECT_TRUE(ParseYaml("---\na: 1\n...\n"));
}

}  // namespace
}  // namespace tatara
