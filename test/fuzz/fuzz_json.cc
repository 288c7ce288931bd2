// JSON: what is read and written again must read as the same value.
#include <cstdlib>

#include "base/json.h"
#include "fuzz/driver.h"

namespace {

void Run(std::string_view text) {
  const auto value = tatara::ParseJson(text);
  if (!value) return;
  const std::string once = value->Dump();
  const auto again = tatara::ParseJson(once);
  if (!again || again->Dump() != once) std::abort();
}

}  // namespace

int main(int argc, char** argv) {
  return tatara::fuzz::Main(
      argc, argv,
      {.name = "json",
       .seeds = {R"({"a": [1, -2.5e3, true, null, "x\u00e9\n"], "b": {"c": {}}})",
                 R"([18446744073709551615, -9223372036854775808, 1e-300, 0.1])",
                 R"("\ud83d\ude00")"},
       .words = {"{", "}", "[", "]", ",", ":", "\"", "\\", "\\u", "\\ud800", "1e999", "-0", "null",
                 "NaN", "99999999999999999999", "\xc3\x28", "\xe2\x82", " ", std::string(1, '\0')},
       .run = Run});
}
