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

TEST(Yaml, WhatFollowsTheDocument_IsRefused) {
  for (const char* text : {"a: 1\n---\nb: 2\n", "a: 1\n---\n", "[a]\n]", "{a: 1}}", "[1] 2"}) {
    EXPECT_FALSE(ParseYaml(text)) << text;
  }
  EXPECT_TRUE(ParseYaml("---\na: 1\n...\n"));
}

TEST(Yaml, AKeyWithoutItsColon_IsNotANullValue) {
  auto yaml = ParseYaml("a: 1\nb\nc: 2\n");
  ASSERT_FALSE(yaml);
  EXPECT_EQ(yaml.error().message,
            "line 3: could not find expected ':', while scanning a simple key of line 2");
}

TEST(Yaml, Nulls_AreEmptyAndTheFourWords) {
  for (const char* text : {"", "~", "null", "Null", "NULL", "# nothing\n"}) {
    EXPECT_TRUE(ParseYaml(text)->IsNull()) << text;
  }
  for (const char* text : {"''", "'null'", "!!str null", "nULL"}) {
    EXPECT_TRUE(ParseYaml(text)->IsScalar()) << text;
  }
}

TEST(Yaml, QuotedIsWhatIsAlwaysText) {
  for (const char* text : {"'1'", "\"1\"", "|\n  1", ">\n  1", "!!str 1"}) {
    EXPECT_TRUE(ParseYaml(text)->quoted) << text;
  }
  for (const char* text : {"1", "&a 1", "!mine 1"}) EXPECT_FALSE(ParseYaml(text)->quoted) << text;
}

TEST(Yaml, AnAliasOfWhatIsNotWhole_IsRefusedByName) {
  EXPECT_EQ(ParseYaml("a: &a\n  b: *a\n").error().message,
            "line 2: the alias '*a' has no anchor that ends before it");
  EXPECT_FALSE(ParseYaml("a: *b\nb: &b 1\n"));
}

TEST(Yaml, DepthIsBoundedAlsoThroughAliases) {
  EXPECT_TRUE(ParseYaml(std::string(200, '[') + std::string(200, ']')));
  EXPECT_FALSE(ParseYaml(std::string(300, '[') + std::string(300, ']')));
  EXPECT_FALSE(ParseYaml(std::string(1'000'000, '[')));
  std::string text = "a0: &a0 [x]\n";
  for (int i = 1; i < 300; ++i) {
    const auto name = std::to_string(i);
    text += "a" + name + ": &a" + name + " [*a" + std::to_string(i - 1) + "]\n";
  }
  EXPECT_NE(ParseYaml(text).error().message.find("nested too deeply"), std::string::npos);
}

TEST(Yaml, TextThatIsNotUtf8_IsRefusedWithItsLine) {
  EXPECT_TRUE(ParseYaml("a: 1\nb: \xff\n").error().message.starts_with("line "));
}

}  // namespace
}  // namespace tatara
