// schedule next: when does this expression fire?
#include "base/strings.h"
#include "cli/commands/commands.h"
#include "cli/tools/batch.h"
#include "events/events.h"
#include "os/clock.h"

namespace tatara::cli {
namespace {

constexpr int64_t kCountMax = 100'000;

struct Question {
  std::string expression, timezone, after;  // after: empty = now
  int64_t count = 5;
};

struct Times {
  std::vector<Time> next;
  TimeZone zone;
};

Result<Times> Answer(const Question& question) {
  const events::Schedule schedule = TRY(events::ParseSchedule(question.expression));
  Times out;
  out.zone = TRY(TimeZone::Find(question.timezone));
  if (question.count < 0 || question.count > kCountMax) {
    return Invalid("n is " + std::to_string(question.count) + ", must be 0 to " +
                   std::to_string(kCountMax));
  }
  const Time after =
      question.after.empty() ? os::RealClock().Now() : TRY(ParseTime(question.after));
  out.next = events::Next(schedule, after, out.zone, static_cast<int>(question.count));
  return out;
}

Json ToJson(const Times& times) {
  Json::Array next;
  for (const Time time : times.next) next.emplace_back(FormatTime(time));
  return Json::Of({{"next", std::move(next)}});
}

Result<Json> ScheduleLine(const Json& line) {
  TRY(CheckKeys(line, "the line", {"expression", "timezone", "after", "n"}));
  Question question;
  question.expression = TRY(line.GetString("expression"));
  question.timezone = TRY(line.GetStringOr("timezone", "UTC"));
  question.after = TRY(line.GetStringOr("after", ""));
  question.count = TRY(line.GetIntOr("n", 5));
  return ToJson(TRY(Answer(question)));
}

std::string LocalText(Time time, const TimeZone& zone) {
  std::string text = FormatTime(Time(zone.ToLocal(time).time_since_epoch()));
  text.pop_back();  // the Z
  text[10] = ' ';
  return text + " " + std::string(zone.name());
}

Result<int> NextTimes(Context& context) {
  const Arguments& arguments = context.arguments;
  if (const auto batch = arguments.Get("--batch")) return RunBatch(context, *batch, ScheduleLine);
  if (arguments.positional.size() != 1) return Invalid("want EXPRESSION, or --batch FILE");
  Question question;
  question.expression = arguments.positional[0];
  question.timezone = arguments.GetOr("--timezone", "UTC");
  question.after = arguments.GetOr("--after", "");
  question.count = TRY(arguments.Int("--number")).value_or(5);
  const Times times = TRY(Answer(question));
  if (context.globals.json) {
    context.out.PrintJson(ToJson(times));
    return 0;
  }
  std::vector<std::vector<std::string>> rows;
  for (const Time time : times.next) {
    rows.push_back({LocalText(time, times.zone), FormatTime(time)});
  }
  context.out.Table({"local", "UTC"}, rows, "never again: the years run out");
  return 0;
}

}  // namespace

std::vector<Command> ScheduleTools() {
  return {
      {.name = "schedule next",
       .usage = "EXPRESSION",
       .summary = "the next times of a cron(...) or rate(...) expression (needs no server)",
       .section = "Tools that work alone",
       .options = {{"--timezone", "ZONE", "an IANA name (default UTC)"},
                   {"--after", "TIME", "times after this one (default now)"},
                   {"--number", "N", "how many (default 5)", "-n"},
                   {"--batch", "FILE",
                    "JSON lines {\"expression\", \"timezone\", \"after\", \"n\"}; - = standard "
                    "input"}},
       .details =
           "A wall-clock time that the clocks skip is skipped; one that comes twice fires at "
           "the first.\n",
       .examples = "  tatara schedule next 'cron(0 3 * * ? *)' --timezone Asia/Tokyo\n"
                   "  tatara schedule next 'rate(12 hours)' --after 2026-01-15T10:20:30Z -n 3\n",
       .positional_max = 1,
       .run = NextTimes},
  };
}

}  // namespace tatara::cli
