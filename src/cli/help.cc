#include "cli/help.h"

#include <algorithm>
#include <set>

#include "base/strings.h"

namespace tatara::cli {
namespace {

std::string Padded(std::string text, size_t width) {
  if (text.size() < width) text.append(width - text.size(), ' ');
  return text;
}

std::string OptionLabel(const Option& option) {
  std::string label = option.letter.empty() ? "" : option.letter + ", ";
  label += option.name;
  if (!option.value.empty()) label += " " + option.value;
  return label;
}

std::string OptionLines(const std::vector<Option>& options) {
  size_t width = 0;
  for (const Option& option : options) width = std::max(width, OptionLabel(option).size());
  std::string out;
  for (const Option& option : options) {
    out += "  " + Padded(OptionLabel(option), width + 2) + option.help + "\n";
  }
  return out;
}

// The command words that begin a line of completion, with their options.
std::string CompletionWords(const Command& command) {
  std::string words;
  for (const Option& option : command.options) words += option.name + " ";
  return words + "--json --quiet --home --server --help";
}

std::string BashCompletion() {
  std::set<std::string> first;
  std::string cases;
  const auto offer = [&](const std::string& typed, const std::string& words) {
    cases += "    \"" + typed + "\") words=\"" + words + "\";;\n";
  };
  for (const Command& command : Commands()) {
    const std::vector<std::string> parts = Split(command.name, ' ');
    first.insert(parts[0]);
    if (parts.size() == 2) offer(command.name, CompletionWords(command));
  }
  for (const std::string& word : first) {
    const Command* command = FindCommand(word);
    offer(word, Join(SecondWords(word), " ") + " " +
                    (command != nullptr ? CompletionWords(*command) : ""));
  }
  const std::vector<std::string> words(first.begin(), first.end());
  return "# tatara completion for bash: eval \"$(tatara completion bash)\"\n"
         "_tatara() {\n"
         "  local cur=\"${COMP_WORDS[COMP_CWORD]}\" words=\"" +
         Join(words, " ") +
         "\" command=\"\" w\n"
         "  for w in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
         "    case \"$w\" in -*) ;; *) command=\"${command:+$command }$w\";; esac\n"
         "  done\n"
         "  while [ -n \"$command\" ]; do\n"
         "    case \"$command\" in\n" +
         cases +
         "    *) case \"$command\" in *\\ *) command=\"${command% *}\"; continue;; esac;;\n"
         "    esac\n"
         "    break\n"
         "  done\n"
         "  COMPREPLY=($(compgen -W \"$words\" -f -- \"$cur\"))\n"
         "}\n"
         "complete -o filenames -F _tatara tatara\n";
}

}  // namespace

std::string Overview() {
  std::string out =
      "tatara - a machine-learning platform in one program\n\n"
      "usage: tatara [--home DIR] [--server URL] [--json] COMMAND ...\n";
  std::vector<std::string> sections;
  size_t width = 0;
  for (const Command& command : Commands()) {
    if (std::ranges::find(sections, command.section) == sections.end()) {
      sections.push_back(command.section);
    }
    width = std::max(width, command.name.size());
  }
  for (const std::string& section : sections) {
    out += "\n" + section + "\n";
    for (const Command& command : Commands()) {
      if (command.section != section) continue;
      out += "  " + Padded(command.name, width + 2) + command.summary + "\n";
    }
  }
  return out +
         "\n`tatara COMMAND --help` shows options and examples.\n"
         "Exit codes: 0 done, 1 the work failed or the gate says no, 2 wrong use or bad input,\n"
         "3 not found, 4 conflict, 5 denied, 6 server unavailable, 7 refused for load or limits,\n"
         "70 our own fault, 130 Ctrl-C.\n";
}

std::string CommandHelp(const Command& command) {
  std::string out = command.summary + "\n\nusage: tatara " + command.name;
  if (!command.options.empty()) out += " [options]";
  if (!command.usage.empty()) out += " " + command.usage;
  out += "\n";
  if (!command.options.empty()) out += "\noptions\n" + OptionLines(command.options);
  if (!command.details.empty()) out += "\n" + command.details + "\n";
  if (!command.examples.empty()) out += "\nexamples\n" + command.examples;
  if (!out.ends_with('\n')) out += '\n';
  return out + "\nGlobal options: --home DIR, --server URL, --json, --quiet, --no-color, --yes\n";
}

Result<std::string> Completion(const std::string& shell) {
  if (shell == "bash") return BashCompletion();
  if (shell == "zsh") return "autoload -U +X bashcompinit && bashcompinit\n" + BashCompletion();
  return Invalid("completion is there for bash and zsh, not for '" + shell + "'");
}

std::string CommandReference() {
  std::string out = "# Commands\n\nMade by `tatara help --markdown` from the command table.\n";
  for (const Command& command : Commands()) {
    out += "\n## tatara " + command.name + "\n\n```\n" + CommandHelp(command) + "```\n";
  }
  return out;
}

}  // namespace tatara::cli
