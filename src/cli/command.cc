#include "cli/command.h"

#include <algorithm>
#include <cstdio>

#include "base/log.h"
#include "base/strings.h"
#include "cli/help.h"
#include "os/process.h"

namespace tatara::cli {
namespace {

// A command line cut into global options, the command, and its own arguments.
struct ParsedLine {
  Globals globals;
  const Command* command = nullptr;
  Arguments arguments;
  bool help = false;
};

const std::vector<Option>& GlobalOptions() {
  static const std::vector<Option> kOptions = {
      {"--home", "DIR", "the home directory (default: the nearest .tatara upwards; TATARA_HOME)"},
      {"--server", "URL", "talk to this server only (TATARA_URL)"},
      {"--json", "", "print one JSON document"},
      {"--quiet", "", "print the answer and errors only", "-q"},
      {"--no-color", "", "no colours (also NO_COLOR)"},
      {"--yes", "", "do not ask", "-y"},
      {"--help", "", "show help", "-h"},
  };
  return kOptions;
}

const Option* FindOption(const std::vector<Option>& options, std::string_view text) {
  for (const Option& option : options) {
    if (option.name == text || (!option.letter.empty() && option.letter == text)) return &option;
  }
  return nullptr;
}

Error UnknownOption(std::string_view word, const Command* command) {
  std::vector<std::string> names;
  for (const Option& option : GlobalOptions()) names.push_back(option.name);
  if (command != nullptr) {
    for (const Option& option : command->options) names.push_back(option.name);
  }
  const std::string where = command == nullptr ? "tatara" : "tatara " + command->name;
  return {Code::kInvalid, "unknown option '" + std::string(word) + "'" + DidYouMean(word, names) +
                              " (see `" + where + " --help`)"};
}

class LineParser {
 public:
  explicit LineParser(const std::vector<std::string>& words) : words_(words) {}

  Result<ParsedLine> Parse() {
    for (at_ = 0; at_ < words_.size(); ++at_) {
      const std::string& word = words_[at_];
      if (word == "--" && line_.command != nullptr) {
        line_.arguments.has_separator = true;
        line_.arguments.rest.assign(words_.begin() + static_cast<std::ptrdiff_t>(at_) + 1,
                                    words_.end());
        break;
      }
      if (word.size() > 1 && word[0] == '-' && !IsNumber(word)) {
        TRY(TakeOption(word));
      } else if (line_.command == nullptr) {
        TRY(TakeCommand(word));
      } else {
        line_.arguments.positional.push_back(word);
      }
    }
    return std::move(line_);
  }

 private:
  static bool IsNumber(const std::string& word) {
    double value = 0;
    return ParseDouble(word, value);
  }

  Status TakeCommand(const std::string& word) {
    if (at_ + 1 < words_.size()) {
      if (const Command* two = FindCommand(word + " " + words_[at_ + 1])) {
        line_.command = two;
        ++at_;
        return {};
      }
    }
    line_.command = FindCommand(word);
    if (line_.command == nullptr) return std::unexpected(UnknownCommand(word));
    return {};
  }

  Status TakeOption(const std::string& word) {
    const size_t equals = word.starts_with("--") ? word.find('=') : std::string::npos;
    const std::string name = word.substr(0, equals);
    const Option* option =
        line_.command != nullptr ? FindOption(line_.command->options, name) : nullptr;
    const bool own = option != nullptr;
    if (option == nullptr) option = FindOption(GlobalOptions(), name);
    if (option == nullptr) return std::unexpected(UnknownOption(name, line_.command));
    std::string value;
    if (option->value.empty()) {
      if (equals != std::string::npos) return Invalid(name + " takes no value");
    } else if (equals != std::string::npos) {
      value = word.substr(equals + 1);
    } else {
      if (at_ + 1 >= words_.size()) return Invalid(name + " wants a value: " + option->value);
      value = words_[++at_];
    }
    if (own) {
      line_.arguments.Put(option->name, std::move(value));
      return {};
    }
    SetGlobal(option->name, std::move(value));
    return {};
  }

  void SetGlobal(const std::string& name, std::string value) {
    Globals& globals = line_.globals;
    if (name == "--home")
      globals.home = std::move(value);
    else if (name == "--server")
      globals.server = std::move(value);
    else if (name == "--json")
      globals.json = true;
    else if (name == "--quiet")
      globals.quiet = true;
    else if (name == "--no-color")
      no_color_ = true;
    else if (name == "--yes")
      globals.yes = true;
    else
      line_.help = true;
    globals.color = !no_color_;
  }

  const std::vector<std::string>& words_;
  size_t at_ = 0;
  bool no_color_ = false;
  ParsedLine line_;
};

Status CheckPositional(const Command& command, const Arguments& arguments) {
  const size_t count = arguments.positional.size();
  const std::string usage = "usage: tatara " + command.name + " " + command.usage;
  if (count < command.positional_min) return Invalid("an argument is missing; " + usage);
  if (count > command.positional_max) {
    return Invalid("unexpected argument '" + arguments.positional[command.positional_max] + "'; " +
                   usage);
  }
  if (arguments.has_separator && command.usage.find("-- ") == std::string::npos) {
    return Invalid("'--' has no meaning here; " + usage);
  }
  return {};
}

void FillFromEnvironment(Globals& globals, bool no_color) {
  if (globals.home.empty()) globals.home = os::EnvironmentVariable("TATARA_HOME").value_or("");
  if (globals.server.empty()) globals.server = os::EnvironmentVariable("TATARA_URL").value_or("");
  globals.color = !no_color && !os::EnvironmentVariable("NO_COLOR") &&
                  os::EnvironmentVariable("TERM").value_or("dumb") != "dumb" && os::IsTerminal(1);
}

int Report(const Error& error) {
  std::fprintf(stderr, "tatara: %s\n", error.message.c_str());
  return ExitCode(error.code);
}

}  // namespace

bool Arguments::Has(std::string_view option) const { return Get(option).has_value(); }

std::optional<std::string> Arguments::Get(std::string_view option) const {
  for (auto it = values_.rbegin(); it != values_.rend(); ++it) {
    if (it->first == option) return it->second;
  }
  return std::nullopt;
}

std::string Arguments::GetOr(std::string_view option, std::string_view otherwise) const {
  return Get(option).value_or(std::string(otherwise));
}

std::vector<std::string> Arguments::All(std::string_view option) const {
  std::vector<std::string> out;
  for (const auto& [name, value] : values_) {
    if (name == option) out.push_back(value);
  }
  return out;
}

Result<std::optional<int64_t>> Arguments::Int(std::string_view option) const {
  const auto text = Get(option);
  if (!text) return std::nullopt;
  int64_t value = 0;
  if (!ParseInt(*text, value)) {
    return Invalid(std::string(option) + " wants a whole number, not '" + *text + "'");
  }
  return value;
}

Result<std::optional<double>> Arguments::Double(std::string_view option) const {
  const auto text = Get(option);
  if (!text) return std::nullopt;
  double value = 0;
  if (!ParseDouble(*text, value)) {
    return Invalid(std::string(option) + " wants a number, not '" + *text + "'");
  }
  return value;
}

int ExitCode(Code code) {
  switch (code) {
    case Code::kInvalid:
    case Code::kUnsupported:
      return 2;
    case Code::kNotFound:
      return 3;
    case Code::kConflict:
      return 4;
    case Code::kDenied:
      return 5;
    case Code::kUnavailable:
      return 6;
    case Code::kExhausted:
      return 7;
    case Code::kCancelled:
      return 130;
    case Code::kInternal:
      return 70;
  }
  return 70;
}

int Run(const std::vector<std::string>& words) {
  Log::SetLevel(Log::Level::kWarn);
  auto line = LineParser(words).Parse();
  if (!line) return Report(line.error());
  const bool no_color = std::ranges::find(words, "--no-color") != words.end();
  FillFromEnvironment(line->globals, no_color);
  Output out(line->globals.color, line->globals.quiet);
  if (line->help || line->command == nullptr) {
    out.Print(line->command == nullptr ? Overview() : CommandHelp(*line->command));
    return words.empty() ? 2 : 0;
  }
  if (Status fits = CheckPositional(*line->command, line->arguments); !fits) {
    return Report(fits.error());
  }
  Context context{line->globals, line->arguments, out};
  Result<int> code = line->command->run(context);
  out.EndProgress();
  return code ? *code : Report(code.error());
}

}  // namespace tatara::cli
