#include "events/pattern.h"

#include <gtest/gtest.h>

namespace tatara::events {
namespace {

struct Case {
  std::string pattern, event;
  char wanted;  // 'm' match, 'n' no match, 'p' bad pattern, 'e' bad event
};

char VerdictOf(const std::string& pattern, const std::string& event) {
  const auto compiled = Pattern::Compile(pattern);
  if (!compiled) return 'p';
  const auto matched = compiled->Matches(event);
  if (!matched) return 'e';
  RuleSet set;  // must say the same, alone and in company
  set.Add(3, *Pattern::Compile(R"({"never":["x"]})"));
  set.Add(7, *compiled);
  const auto ids = *set.Match(event);
  EXPECT_EQ(ids == std::vector<uint32_t>{7}, *matched) << pattern << " " << event;
  const auto verdict = *compiled->Explain(event);
  EXPECT_EQ(verdict.matched, *matched);
  EXPECT_EQ(verdict.reason.empty(), *matched) << pattern << " " << event;
  return *matched ? 'm' : 'n';
}

class Patterns : public testing::TestWithParam<Case> {};
TEST_P(Patterns, Match_Table) {
  EXPECT_EQ(VerdictOf(GetParam().pattern, GetParam().event), GetParam().wanted)
      << GetParam().pattern << "\n"
      << GetParam().event;
}

INSTANTIATE_TEST_SUITE_P(
    Literals, Patterns,
    testing::Values(
        Case{R"({"a":["x"]})", R"({"a":"x"})", 'm'}, Case{R"({"a":["x"]})", R"({"a":"y"})", 'n'},
        Case{R"({"a":["x","y"]})", R"({"a":["z","y"]})", 'm'},
        Case{R"({"a":["x"],"b":["y"]})", R"({"a":"x"})", 'n'},
        Case{R"({"a":[300]})", R"({"a":3e2})", 'm'}, Case{R"({"a":[300.0]})", R"({"a":300})", 'm'},
        Case{R"({"a":[300]})", R"({"a":"300"})", 'n'}, Case{R"({"a":[0]})", R"({"a":-0.0})", 'm'},
        Case{R"({"a":[12345678901234567890]})", R"({"a":12345678901234567891})", 'n'},
        Case{R"({"a":[12345678901234567890]})", R"({"a":1.234567890123456789e19})", 'm'},
        Case{R"({"a":[null]})", R"({"a":null})", 'm'}, Case{R"({"a":[null]})", R"({})", 'n'},
        Case{R"({"a":[""]})", R"({"a":null})", 'n'}, Case{R"({"a":[true]})", R"({"a":true})", 'm'},
        Case{R"({"a":[true]})", R"({"a":"true"})", 'n'},
        Case{R"({"a":{"b":["x"]}})", R"({"a.b":"x"})", 'm'},
        Case{R"({"a.b":["x"]})", R"({"a":{"b":"x"}})", 'm'},
        Case{R"({"a":["x"]})", R"({"a":"y","a":"x"})", 'm'},
        Case{R"({"a":["y"]})", R"({"a":"y","a":"x"})", 'n'},
        Case{R"({"a":{"b":[1]}})", R"({"a":{"b":1},"a":{"c":1}})", 'n'},
        Case{R"({"a":["y"],"a":["x"]})", R"({"a":"x"})", 'm'},
        Case{R"({"a":["10.0.0.1"]})", R"({"a":"10.0.0.1"})", 'm'}));
INSTANTIATE_TEST_SUITE_P(
    Operators, Patterns,
    testing::Values(
        Case{R"({"a":[{"prefix":"ab"}]})", R"({"a":"abc"})", 'm'},
        Case{R"({"a":[{"prefix":{"equals-ignore-case":"AB"}}]})", R"({"a":"abc"})", 'm'},
        Case{R"({"a":[{"suffix":".png"}]})", R"({"a":"x.png"})", 'm'},
        Case{R"({"a":[{"suffix":{"equals-ignore-case":".PNG"}}]})", R"({"a":"x.png"})", 'm'},
        Case{R"({"a":[{"equals-ignore-case":"ÄB"}]})", R"({"a":"äb"})", 'm'},
        Case{R"({"a":[{"wildcard":"a*c*e"}]})", R"({"a":"abcde"})", 'm'},
        Case{R"({"a":[{"wildcard":"a*c*e"}]})", R"({"a":"abcd"})", 'n'},
        Case{R"({"a":[{"wildcard":"*"}]})", R"({"a":""})", 'm'},
        Case{R"({"a":[{"wildcard":"a\\*b"}]})", R"({"a":"a*b"})", 'm'},
        Case{R"({"a":[{"wildcard":"ab*ba"}]})", R"({"a":"aba"})", 'n'},
        Case{R"({"a":[{"numeric":[">",0,"<=",5]}]})", R"({"a":5})", 'm'},
        Case{R"({"a":[{"numeric":[">",0,"<=",5]}]})", R"({"a":0})", 'n'},
        Case{R"({"a":[{"numeric":["=",3.018e2]}]})", R"({"a":301.8})", 'm'},
        Case{R"({"a":[{"numeric":["<",10]}]})", R"({"a":"5"})", 'n'},
        Case{R"({"a":[{"exists":true}]})", R"({"a":null})", 'm'},
        Case{R"({"a":[{"exists":true}]})", R"({"a":[]})", 'n'},
        Case{R"({"a":[{"exists":true}]})", R"({"a":{"b":1}})", 'n'},
        Case{R"({"a":[{"exists":false}]})", R"({"b":1})", 'm'},
        Case{R"({"a":[{"exists":false}]})", R"({"a":1})", 'n'},
        Case{R"({"a":[{"exists":false},"x"]})", R"({"a":"x"})", 'm'},
        Case{R"({"a":[{"cidr":"10.0.0.0/24"}]})", R"({"a":"10.0.0.255"})", 'm'},
        Case{R"({"a":[{"cidr":"10.0.0.0/24"}]})", R"({"a":"10.0.1.0"})", 'n'},
        Case{R"({"a":[{"cidr":"2001:db8::/32"}]})", R"({"a":"2001:db8:0:1::9"})", 'm'},
        Case{R"({"a":[{"anything-but":"x"}]})", R"({"a":"y"})", 'm'},
        Case{R"({"a":[{"anything-but":["x","y"]}]})", R"({"a":"y"})", 'n'},
        Case{R"({"a":[{"anything-but":"x"}]})", R"({"a":["x","ok"]})", 'm'},
        Case{R"({"a":[{"anything-but":"x"}]})", R"({})", 'n'},
        Case{R"({"a":[{"anything-but":[5]}]})", R"({"a":5.0})", 'n'},
        Case{R"({"a":[{"anything-but":{"prefix":["x","y"]}}]})", R"({"a":"yes"})", 'n'},
        Case{R"({"a":[{"anything-but":{"wildcard":"*x*"}}]})", R"({"a":"axb"})", 'n'},
        Case{R"({"a":[{"anything-but":{"equals-ignore-case":"AB"}}]})", R"({"a":"ab"})", 'n'}));
INSTANTIATE_TEST_SUITE_P(
    Structure, Patterns,
    testing::Values(
        Case{R"({"p":{"f":["Anna"],"l":["Jones"]}})",
             R"({"p":[{"f":"Anna","l":"Smith"},{"f":"Bob","l":"Jones"}]})", 'n'},
        Case{R"({"p":{"f":["Anna"],"l":["Smith"]}})",
             R"({"p":[{"f":"Bob","l":"Smith"},{"f":"Anna","l":"Smith"}]})", 'm'},
        Case{R"({"p":{"a":["x"],"b":[{"exists":false}]}})", R"({"p":[{"a":"x"},{"a":"y","b":1}]})",
             'm'},
        Case{R"({"p":{"a":["x"],"b":[{"exists":false}]}})", R"({"p":[{"a":"x","b":1}]})", 'n'},
        Case{R"({"a":{"x":[1]},"b":{"y":[2]}})", R"({"a":[{"x":0},{"x":1}],"b":[{"y":2}]})", 'm'},
        Case{R"({"a":[1]})", R"({"a":[[0],[1]]})", 'm'},
        Case{R"({"$or":[{"a":[1]},{"b":[2]}]})", R"({"b":2})", 'm'},
        Case{R"({"c":[1],"$or":[{"a":[1]},{"b":[2]}]})", R"({"b":2})", 'n'},
        Case{R"({"d":{"$or":[{"a":[1]},{"b":[2]}]}})", R"({"d":{"b":2}})", 'm'},
        Case{R"({"$or":["x","y"]})", R"({"$or":"y"})", 'm'},
        Case{R"({"$or":[{"prefix":"x"},{"prefix":"y"}]})", R"({"$or":"yes"})", 'm'},
        Case{R"({"$or":[{"a":[1]}]})", R"({"a":1})", 'p'},
        Case{R"({"$or":[{"a":[1]},{"$or":[{"b":[2]},{"c":[3]}]}]})", R"({"c":3})", 'm'},
        Case{R"({"$or":[{"a":[1]},{"b":[2],"$or":["x"]}]})", R"({"a":1})", 'p'},
        Case{R"({"$or":[{"a":[1]},{"b":{"$or":{"c":[1]}}}]})", R"({"a":1})", 'p'}));
INSTANTIATE_TEST_SUITE_P(
    Refused, Patterns,
    testing::Values(Case{R"({"a":[1})", "{}", 'p'}, Case{"{}", "{}", 'p'}, Case{"[]", "{}", 'p'},
                    Case{R"({"a":1})", "{}", 'p'}, Case{R"({"a":[]})", "{}", 'p'},
                    Case{R"({"a":{}})", "{}", 'p'}, Case{R"({"a":[[1]]})", "{}", 'p'},
                    Case{R"({"a":[{"prefix":1}]})", "{}", 'p'},
                    Case{R"({"a":[{"prefix":"x","suffix":"y"}]})", "{}", 'p'},
                    Case{R"({"a":[{"wildcard":"a**"}]})", "{}", 'p'},
                    Case{R"({"a":[{"wildcard":"a\\b"}]})", "{}", 'p'},
                    Case{R"({"a":[{"numeric":["<",1,">",0]}]})", "{}", 'p'},
                    Case{R"({"a":[{"numeric":[">",5,"<",5]}]})", "{}", 'p'},
                    Case{R"({"a":[{"exists":"x"}]})", "{}", 'p'},
                    Case{R"({"a":[{"cidr":"10.0.0.0/32"}]})", "{}", 'p'},
                    Case{R"({"a":[{"anything-but":["x",1]}]})", "{}", 'p'},
                    Case{R"({"a":[{"anything-but":{"suffix":[]}}]})", "{}", 'p'},
                    Case{R"({"a":[{"regex":"x"}]})", "{}", 'p'}, Case{R"({"a":[1]})", "[]", 'e'},
                    Case{R"({"a":[1]})", R"({"b":01})", 'e'},
                    Case{R"({"a":[1]})", R"({"a":1} x)", 'e'}));

TEST(Explain, NumberOutOfRange_SaysWhichAndWhy) {
  const auto pattern = Pattern::Compile(R"({"detail":{"x":[{"numeric":[">",10]}]}})");
  EXPECT_EQ(pattern->Explain(R"({"detail":{"x":7}})")->reason, "detail.x: 7 is not > 10");
}

TEST(RuleSetTest, ManyRules_EachKindOfAnchor_FindsExactlyThoseThatMatchAlone) {
  std::vector<Pattern> patterns;
  RuleSet set;
  for (int i = 0; i < 300; ++i) {
    const std::string n = std::to_string(i);
    const std::string forms[] = {
        R"({"s":["k"],"d":{"id":["id-)" + n + R"("]}})",
        R"({"d":{"n":[{"numeric":[">=",)" + n + R"(]}]}})",
        R"({"d":{"id":[{"prefix":"id-)" + n + R"("}]}})",
        R"({"d":{"id":[{"anything-but":"id-)" + n + R"("}],"n":[)" + n + "]}}",
        R"({"d":{"id":[{"wildcard":"*-)" + n + R"("}],"gone":[{"exists":false}]}})",
        R"({"d":{"id":[{"equals-ignore-case":"ID-)" + n + R"("}]}})",
        R"({"gone":[{"exists":false}],"missing":[{"exists":false}]})"};
    patterns.push_back(*Pattern::Compile(forms[i % 7]));
    set.Add(static_cast<uint32_t>(i), patterns.back());
  }
  for (int e = 0; e < 300; e += 7) {
    const std::string event = R"({"s":"k","d":{"id":"id-)" + std::to_string(e) + R"(","n":)" +
                              std::to_string(e) + R"(,"list":[1,2]}})";
    std::vector<uint32_t> wanted;
    for (uint32_t i = 0; i < patterns.size(); ++i) {
      if (*patterns[i].Matches(event)) wanted.push_back(i);
    }
    EXPECT_EQ(*set.Match(event), wanted) << event;
  }
}

}  // namespace
}  // namespace tatara::events
