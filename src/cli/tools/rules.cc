// rules test: does this pattern match this event?
#include "cli/commands/commands.h"
#include "cli/tools/batch.h"
#include "events/events.h"
#include "os/files.h"

namespace tatara::cli {
namespace {

// JSON text, or @file.
Result<std::string> TextOf(const std::string& argument) {
  if (!argument.starts_with('@')) return argument;
  return os::ReadFile(argument.substr(1));
}

// A string holding JSON text, or an object.
Result<std::string> TextOf(const Json& line, std::string_view key) {
  const Json* value = line.Find(key);
  if (value == nullptr) return Invalid("the line has no '" + std::string(key) + "'");
  if (value->IsString()) return value->AsString();
  if (value->IsObject()) return value->Dump();
  return Invalid("'" + std::string(key) + "' must be a string of JSON text or an object, not " +
                 std::string(value->TypeName()));
}

Result<Json> TestLine(const Json& line) {
  TRY(CheckKeys(line, "the line", {"pattern", "event"}));
  const std::string pattern_text = TRY(TextOf(line, "pattern"));
  const std::string event = TRY(TextOf(line, "event"));
  const events::Pattern pattern = TRY(events::Pattern::Compile(pattern_text));
  return Json::Of({{"match", TRY(pattern.Matches(event))}});
}

Result<int> TestRules(Context& context) {
  if (const auto batch = context.arguments.Get("--batch")) {
    return RunBatch(context, *batch, TestLine);
  }
  if (context.arguments.positional.size() != 2) {
    return Invalid("want PATTERN and EVENT, or --batch FILE");
  }
  const std::string pattern_text = TRY(TextOf(context.arguments.positional[0]));
  const std::string event = TRY(TextOf(context.arguments.positional[1]));
  const events::Pattern pattern = TRY(events::Pattern::Compile(pattern_text));
  const auto verdict = TRY(pattern.Explain(event));
  if (context.globals.json) {
    context.out.PrintJson(Json::Of({{"match", verdict.matched}, {"reason", verdict.reason}}));
  } else if (verdict.matched) {
    context.out.Line("match");
  } else {
    context.out.Line("no match: " + verdict.reason);
  }
  return verdict.matched ? 0 : 1;
}

}  // namespace

std::vector<Command> RuleTools() {
  return {
      {.name = "rules test",
       .usage = "PATTERN EVENT",
       .summary = "does an event pattern match an event? (needs no server)",
       .section = "Tools that work alone",
       .options = {{"--batch", "FILE", "JSON lines {\"pattern\", \"event\"}; - = standard input"}},
       .details = "PATTERN and EVENT are JSON text, or @FILE. The language is EventBridge's.\n"
                  "Exit code 0: match, 1: no match, 2: bad pattern or event.\n",
       .examples = "  tatara rules test '{\"detail\":{\"x\":[{\"numeric\":[\">\",10]}]}}' "
                   "'{\"detail\":{\"x\":7}}'\n"
                   "  tatara rules test @pattern.json @event.json\n"
                   "  tatara rules test --batch cases.jsonl\n",
       .positional_max = 2,
       .run = TestRules},
  };
}

}  // namespace tatara::cli
