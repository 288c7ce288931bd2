// Event patterns: the first line is the pattern, the rest the event. One pattern alone and in a set
// must say the same.
#include <cstdlib>

#include "events/pattern.h"
#include "fuzz/driver.h"

namespace {

void Run(std::string_view text) {
  using tatara::events::Pattern;
  const size_t line = text.find('\n');
  const std::string_view event = line == text.npos ? "{}" : text.substr(line + 1);
  const auto pattern = Pattern::Compile(text.substr(0, line));
  if (!pattern) return;
  const auto alone = pattern->Matches(event);
  const auto explained = pattern->Explain(event);
  tatara::events::RuleSet set;
  set.Add(7, *pattern);
  const auto together = set.Match(event);
  if (!alone) return;
  if (!explained || explained->matched != *alone) std::abort();
  if (!together || together->empty() == *alone) std::abort();
}

}  // namespace

int main(int argc, char** argv) {
  return tatara::fuzz::Main(
      argc, argv,
      {.name = "pattern",
       .seeds = {R"({"a": [{"numeric": [">", 3, "<=", 5]}], "b.c": ["x", null, true]})"
                 "\n"
                 R"({"a": 4, "b": {"c": "x"}})",
                 R"({"l": {"x": [1], "y": [{"anything-but": {"prefix": "q"}}]}})"
                 "\n"
                 R"({"l": [{"x": 1, "y": "z"}, {"x": 2}]})",
                 R"({"$or": [{"a": [{"exists": false}]}, {"b": [{"wildcard": "*x*y"}]}]})"
                 "\n"
                 R"({"b": "axby"})",
                 R"({"ip": [{"cidr": "10.0.0.0/8"}], "s": [{"equals-ignore-case": "Ab"}]})"
                 "\n"
                 R"({"ip": "10.1.2.3", "s": "aB"})"},
       .words =
           {"{",       "}",      "[",      "]",      "\"",           ":",        ",",   "\n",
            "numeric", "prefix", "suffix", "exists", "anything-but", "wildcard", "$or", "cidr",
            "*",       "\\\\",   ".",      "1e400",  "-0.0",         "300",      "3e2", "::1/128",
            "true",    "null",   "\\u0061"},
       .run = Run});
}
