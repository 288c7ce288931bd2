#include "tracking/filter.h"

#include <gtest/gtest.h>

namespace tatara::tracking {
namespace {

struct Good {
  const char* filter;
  const char* entity;
  const char* key;
  const char* op;
  const char* text;
};

TEST(ParseFilter, ReadsOneClause) {
  const Good kCases[] = {
      {"metrics.loss < 0.5", "metrics", "loss", "<", "0.5"},
      {"metrics.loss >= -1e3", "metrics", "loss", ">=", "-1e3"},
      {"metrics.m > .5", "metrics", "m", ">", ".5"},
      {"metrics.`a b/c` = 1", "metrics", "a b/c", "=", "1"},
      {"params.\"model name\" LIKE 'Net%'", "params", "model name", "LIKE", "Net%"},
      {"params.p = \"double\"", "params", "p", "=", "double"},
      {"tags.mlflow.parentRunId = 'x'", "tags", "mlflow.parentRunId", "=", "x"},
      {"`tag`.k ilike '%'", "tag", "k", "ILIKE", "%"},
      {"run_name != 'a b'", "", "run_name", "!=", "a b"},
      {"`run name`='a'", "", "run name", "=", "a"},
      {"tags.t = 'it''s'", "tags", "t", "=", "it''s"},
      {"tags.t = 'AND'", "tags", "t", "=", "AND"},
      {"tags.t = ''", "tags", "t", "=", ""},
      {"tags.t is not null", "tags", "t", "IS NOT NULL", ""},
      {"tags.t IS NULL", "tags", "t", "IS NULL", ""},
  };
  for (const auto& [filter, entity, key, op, text] : kCases) {
    const auto parsed = ParseFilter(filter);
    ASSERT_TRUE(parsed) << filter << ": " << parsed.error().message;
    ASSERT_EQ(parsed->size(), 1u) << filter;
    EXPECT_EQ((*parsed)[0].entity, entity) << filter;
    EXPECT_EQ((*parsed)[0].key, key) << filter;
    EXPECT_EQ((*parsed)[0].op, op) << filter;
    EXPECT_EQ((*parsed)[0].text, text) << filter;
  }
}

TEST(ParseFilter, ReadsSeveralClausesAndLists) {
  const auto parsed =
      ParseFilter("a.x = 1 and b.y='and' AND run_id NOT IN ('1', \"2\",'3') AND c.z > 2");
  ASSERT_TRUE(parsed);
  ASSERT_EQ(parsed->size(), 4u);
  EXPECT_EQ((*parsed)[2].op, "NOT IN");
  EXPECT_EQ((*parsed)[2].list, (std::vector<std::string>{"1", "2", "3"}));
  EXPECT_EQ((*parsed)[0].kind, Comparison::Value::kInteger);
  EXPECT_EQ((*parsed)[0].number, 1);
}

TEST(ParseFilter, EmptyIsNoClause) {
  EXPECT_TRUE(ParseFilter("")->empty());
  EXPECT_TRUE(ParseFilter("  \n")->empty());
}

TEST(ParseFilter, RefusesWhatIsNoFilter) {
  for (const auto* filter : {"metrics.a",
                             "metrics.a >",
                             "> 1",
                             "AND",
                             "metrics.a > 1 AND",
                             "metrics.a > 1 OR b.c = 'x'",
                             "(metrics.a > 1)",
                             "metrics.a > 1; metrics.b > 1",
                             "params.a = b",
                             "params.a = 'b",
                             "params.`a = 'b'",
                             "run_id IN ()",
                             "run_id IN ('a',)",
                             "run_id IN ('a'",
                             "run_id IN 'a'",
                             "run_id = ('a')",
                             "run_id IN ('')",
                             "tags.a IS",
                             "tags.a NOT NULL",
                             "metrics.a > 1 2",
                             "a b c d",
                             "=",
                             "'",
                             "`",
                             "\"",
                             "metrics.a > 1 AND AND b.c > 1",
                             "metrics.a > 1e"}) {
    const auto parsed = ParseFilter(filter);
    ASSERT_FALSE(parsed) << filter;
    EXPECT_EQ(parsed.error().code, Code::kInvalid) << filter;
  }
}

TEST(ParseOrderBy, ReadsKeyAndDirection) {
  const auto plain = ParseOrderBy("metrics.`a b`");
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->entity, "metrics");
  EXPECT_EQ(plain->key, "a b");
  EXPECT_TRUE(plain->ascending);
  EXPECT_FALSE(ParseOrderBy("start_time desc")->ascending);
  for (const auto* clause : {"", "a b c", "a sideways", "1", "'a'", "a, b"}) {
    EXPECT_FALSE(ParseOrderBy(clause)) << clause;
  }
}

}  // namespace
}  // namespace tatara::tracking
