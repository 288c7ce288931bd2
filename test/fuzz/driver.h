// A plain mutation fuzzer: seeds are mutated and given to one function. No coverage feedback: what
// it looks for are crashes, hangs and what the sanitizers see; run it in the asan preset.
//
// usage: fuzz_NAME [--seconds N] [--seed N] [--input FILE]
// Before each call the input is written into a shared page and, when the program dies of it, into
// the file `fuzz_NAME.crash`, which --input gives to the function once.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace tatara::fuzz {

struct Target {
  std::string name;
  std::vector<std::string> seeds;
  std::vector<std::string> words;  // pieces that mutations put in
  std::function<void(std::string_view)> run;
};

int Main(int argc, char** argv, const Target& target);

}  // namespace tatara::fuzz
