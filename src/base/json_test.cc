#include "base/json.h"

#include <gtest/gtest.h>

#include <cmath>

namespace tatara {
namespace {

TEST(Json, Parse_OfAWholeNumberBeyond64BitsWithAPoint_KeepsIt) {
  EXPECT_EQ(ParseJson("18446745073709551616.0")->AsDouble(), 18446745073709551616.0);
  EXPECT_EQ(ParseJson("-18446745073709551616.0e1")->AsDouble(), -184467450737095516160.0);
}

TEST(Json, Parse_KeepsIntegersAndOrder) {
  auto json = ParseJson(R"({"b": 9223372036854775807, "a": [1, 2.5, true, null, "x"]})");
  ASSERT_TRUE(json);
  EXPECT_EQ(json->Find("b")->AsInt(), INT64_MAX);
  EXPECT_EQ(json->Dump(), R"({"b":9223372036854775807,"a":[1,2.5,true,null,"x"]})");
}

TEST(Json, Parse_OfNumbersBeyond64Bits_GivesDoubles) {
  EXPECT_TRUE(ParseJson("18446744073709551615")->IsUint());
  EXPECT_DOUBLE_EQ(ParseJson("18446744073709551616")->AsDouble(), 18446744073709551616.0);
  EXPECT_DOUBLE_EQ(ParseJson("[1000000000000000000000000000000]")->AsArray()[0].AsDouble(), 1e30);
}

TEST(Json, Parse_OfScalars) {
  EXPECT_EQ(ParseJson(" \"a\\u00e9\" ")->AsString(), "aé");
  EXPECT_TRUE(ParseJson("null")->IsNull());
  EXPECT_EQ(ParseJson("-0")->Dump(), "0");
}

TEST(Json, Parse_RefusesWhatIsNoJson) {
  for (const char* text : {"",           "{",   "[1,]",  "{\"a\":}", "{a:1}",   "nul",        "01",
                           "[1] 2",      "1 2", "[NaN]", "\"\\x\"",  "[1e999]", "{\"a\":1}}", "'a'",
                           "[\"\x01\"]", "+1",  "[.5]",  "[1.]",     "tru",     "\xff"}) {
    EXPECT_FALSE(ParseJson(text)) << text;
  }
}

TEST(Json, Parse_OfDeepNesting_IsRefusedNotSuffered) {
  EXPECT_FALSE(ParseJson(std::string(1'000'000, '[')));
  EXPECT_FALSE(ParseJson(std::string(101, '[') + std::string(101, ']')));
  EXPECT_TRUE(ParseJson(std::string(100, '[') + std::string(100, ']')));
}

TEST(Json, Find_OfADoubledName_GivesTheLast) {
  EXPECT_EQ(ParseJson(R"({"a":1,"a":2})")->Find("a")->AsInt(), 2);
}

TEST(Json, Dump_IsStrict) {
  EXPECT_EQ(Json(std::nan("")).Dump(), "null");
  EXPECT_EQ(Json(1.0).Dump(), "1.0");
  EXPECT_EQ(Json("a\"\n\x01").Dump(), "\"a\\\"\\n\\u0001\"");
}

TEST(Json, GetInt_TakesWholeNumbersOnly) {
  const Json json = *ParseJson(R"({"a": 3.0, "b": 3.5, "c": "3", "d": 18446744073709551615})");
  EXPECT_EQ(*json.GetInt("a"), 3);
  EXPECT_FALSE(json.GetInt("b"));
  EXPECT_FALSE(json.GetInt("c"));
  EXPECT_FALSE(json.GetInt("d"));
  EXPECT_EQ(json.GetInt("e").error().message, "'e' is missing");
}

TEST(Json, GetArrayAndStrings_NameWhatIsNoList) {
  const auto json = *ParseJson(R"({"a": ["x", "y"], "b": [1], "c": 1, "d": null})");
  EXPECT_EQ(json.GetArray("a")->size(), 2u);
  EXPECT_EQ(json.GetArray("e").error().message, "'e' is missing");
  EXPECT_EQ(json.GetArray("c").error().message, "'c' must be a list, not a number");
  EXPECT_EQ(*json.GetStrings("a"), (std::vector<std::string>{"x", "y"}));
  EXPECT_TRUE(json.GetStrings("d")->empty() && json.GetStrings("e")->empty());
  EXPECT_EQ(json.GetStrings("b").error().message, "'b' must be a list of strings, not a number");
  EXPECT_EQ(Json::Strings({"x"}).Dump(), R"(["x"])");
}

TEST(JsonWriter, PutsCommasWhereTheyBelong) {
  std::string out;
  JsonWriter writer(out);
  writer.BeginObject().Key("a").BeginArray().Int(1).Double(0.5).EndArray();
  writer.Key("b").BeginObject().EndObject().Key("c").Null().EndObject();
  EXPECT_EQ(out, R"({"a":[1,0.5],"b":{},"c":null})");
}

}  // namespace
}  // namespace tatara
