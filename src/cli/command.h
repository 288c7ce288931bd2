// The command table: from one constexpr-like description of each command come parsing, help with
// examples, and shell completion.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "cli/output.h"

namespace tatara::cli {

struct Option {
  std::string name;   // "--limit"
  std::string value;  // what its help calls the value: "N"; empty: a flag
  std::string help;
  std::string letter = "";  // "-j"
};

// What stands on the command line for one command, checked against its options.
class Arguments {
 public:
  std::vector<std::string> positional;
  std::vector<std::string> rest;  // after "--"
  bool has_separator = false;     // "--" stood there

  bool Has(std::string_view option) const;
  // The last value given, or nothing.
  std::optional<std::string> Get(std::string_view option) const;
  std::string GetOr(std::string_view option, std::string_view otherwise) const;
  std::vector<std::string> All(std::string_view option) const;
  // Typed, with an error that names the option.
  Result<std::optional<int64_t>> Int(std::string_view option) const;
  Result<std::optional<double>> Double(std::string_view option) const;

  void Put(const std::string& option, std::string value) { values_.emplace_back(option, value); }

 private:
  std::vector<std::pair<std::string, std::string>> values_;
};

// Options that may stand before or after any command.
struct Globals {
  std::string home;    // --home, TATARA_HOME; empty: found upwards
  std::string server;  // --server, TATARA_URL
  bool json = false;
  bool quiet = false;
  bool color = false;  // on a terminal and not --no-color / NO_COLOR
  bool yes = false;
};

struct Context {
  const Globals& globals;
  const Arguments& arguments;
  Output& out;
};

struct Command {
  std::string name;     // "rules test": one or two words
  std::string usage;    // positional part: "PATTERN EVENT"
  std::string summary;  // one line
  std::string section;  // heading under which `tatara help` lists it
  std::vector<Option> options;
  std::string details;   // paragraphs of help after the options; may be empty
  std::string examples;  // lines
  size_t positional_min = 0;
  size_t positional_max = 0;
  std::function<Result<int>(Context&)> run;  // the exit code
};

constexpr size_t kAnyNumber = 1'000'000;

// All commands, in the order of `tatara help`.
const std::vector<Command>& Commands();
const Command* FindCommand(std::string_view name);  // null: none of that name
// What may follow a first word: "build", "materialize", "get" after "features".
std::vector<std::string> SecondWords(std::string_view first);
// The complaint about a word that is no command: what may follow it, or the nearest one.
Error UnknownCommand(const std::string& word);

// The exit code of an error; the one table (product.md, last lines).
int ExitCode(Code code);

// The whole program: parses, runs, prints errors to standard error, returns the exit code.
int Run(const std::vector<std::string>& arguments);

}  // namespace tatara::cli
