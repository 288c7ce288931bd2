// up, down, status, clock, doctor, version, help, completion.
#include <cstdio>

#include "app/app.h"
#include "app/home.h"
#include "base/log.h"
#include "base/strings.h"
#include "cli/commands/commands.h"
#include "cli/help.h"
#include "cli/session.h"
#include "os/os.h"

namespace tatara::cli {
namespace {

constexpr std::string_view kServerSection = "Server";

Result<app::AppOptions> UpOptions(const Context& context) {
  const Arguments& arguments = context.arguments;
  app::AppOptions options;
  options.home = HomeOf(context.globals);
  options.insecure = arguments.Has("--insecure");
  if (auto listen = arguments.Get("--listen")) {
    const size_t colon = listen->rfind(':');
    int64_t port = -1;
    if (colon == std::string::npos || !ParseInt(listen->substr(colon + 1), port) || port < 0 ||
        port > 65535) {
      return Invalid("--listen wants HOST:PORT such as 127.0.0.1:7700, not '" + *listen + "'");
    }
    options.host = listen->substr(0, colon);
    if (options.host.starts_with('[') && options.host.ends_with(']')) {
      options.host = options.host.substr(1, options.host.size() - 2);
    }
    options.port = static_cast<int>(port);
  }
  if (auto database = arguments.Get("--database")) {
    return Unsupported("--database is not in this version: the home's own SQLite is used");
  }
  if (auto artifacts = arguments.Get("--artifacts")) {
    if (artifacts->find("://") != std::string::npos && !artifacts->starts_with("file://")) {
      return Unsupported("--artifacts takes a folder in this version, not '" + *artifacts + "'");
    }
    options.artifacts =
        os::AbsolutePath(artifacts->starts_with("file://") ? artifacts->substr(7) : *artifacts);
  }
  if (auto from = arguments.Get("--replay-from")) options.replay_from = TRY(ParseTime(*from));
  return options;
}

Result<std::unique_ptr<app::App>> OpenForUp(const Context& context) {
  const app::AppOptions options = TRY(UpOptions(context));
  for (;;) {
    auto app = app::App::Open(options);
    const bool waits = context.arguments.Has("--wait") && !app &&
                       app.error().code == Code::kConflict && app::RunningServer(options.home);
    if (!waits) return app;
    os::SleepFor(std::chrono::milliseconds(100));
  }
}

Result<int> Up(Context& context) {
  os::SignalWatcher signals;  // before any thread: they inherit the blocked signals
  auto app = TRY(OpenForUp(context));
  TRY(app->Start());
  if (context.globals.json) {
    context.out.Line(Json::Of({{"url", app->url()}}).Dump());
  } else {
    context.out.Line("tatara is ready at " + app->url());
  }
  Log::SetLevel(Log::Level::kInfo);
  while (!app->stop_requested() && signals.WaitFor(std::chrono::milliseconds(200)) == 0) {
  }
  app->Stop();
  return 0;
}

// Cancels what runs and waits until it has ended: TERM, then KILL, within 7 s.
Status CancelAll(Session& session) {
  TRY(session.Post("/api/v1/cancel-all", Json::MakeObject()));
  for (int i = 0; i < 100; ++i) {
    const Json answer = TRY(session.Get("/api/v1/jobs?unfinished=true"));
    if (TRY(answer.GetArray("jobs")).empty()) return {};
    os::SleepFor(std::chrono::milliseconds(100));
  }
  return Unavailable("some jobs have not ended yet; see `tatara jobs`");
}

Result<int> Down(Context& context) {
  auto session = Session::Open(context.globals, Access::kRead);
  if (!session || (*session)->url().empty()) {
    context.out.Note("no server runs on " + HomeOf(context.globals));
    return 0;
  }
  if (context.arguments.Has("--jobs")) {
    TRY(CancelAll(**session));
  }
  TRY((*session)->Post("/api/v1/stop", Json::MakeObject()));
  const std::string home = HomeOf(context.globals);
  for (int i = 0; i < 150; ++i) {
    const bool away = context.globals.server.empty()
                          ? !app::RunningServer(home).has_value()
                          : !(*session)->Get("/api/v1/status").has_value();
    if (away) {
      context.out.Note("the server has ended");
      return 0;
    }
    os::SleepFor(std::chrono::milliseconds(100));
  }
  return Unavailable("the server has been asked to end, but still runs");
}

Result<int> ShowStatus(Context& context) {
  auto session = TRY(Session::Open(context.globals, Access::kRead));
  Json status = TRY(session->Get("/api/v1/status"));
  status.Set("url", session->url().empty() ? Json() : Json(session->url()));
  if (session->url().empty()) status.Set("pid", Json());
  if (context.globals.json) {
    context.out.PrintJson(status);
    return 0;
  }
  context.out.Line(session->url().empty()
                       ? "no server runs; the home is " + TRY(status.GetString("home"))
                       : "server   " + session->url());
  if (!session->url().empty()) {
    context.out.Line("home     " + TRY(status.GetString("home")));
    context.out.Line("process  " + std::to_string(TRY(status.GetInt("pid"))));
  }
  context.out.Line("clock    " + TRY(status.GetString("time")) +
                   (TRY(status.GetBoolOr("replay", false)) ? " (replay)" : ""));
  return 0;
}

Result<int> PrintClock(Context& context, const Json& clock) {
  if (context.globals.json) {
    context.out.PrintJson(clock);
  } else {
    context.out.Line(TRY(clock.GetString("time")) +
                     (TRY(clock.GetBoolOr("replay", false)) ? "  replay" : "  real"));
  }
  return 0;
}

Result<int> ShowClock(Context& context) {
  auto session = TRY(Session::Open(context.globals, Access::kRead));
  return PrintClock(context, TRY(session->Get("/api/v1/clock")));
}

Result<int> AdvanceClock(Context& context) {
  const Time time = TRY(ParseTime(context.arguments.positional[0]));
  auto session = TRY(Session::Open(context.globals, Access::kOwn));
  return PrintClock(context,
                    TRY(session->Post("/api/v1/clock", Json::Of({{"time", FormatTime(time)}}),
                                      std::chrono::milliseconds(0))));
}

Result<int> Version(Context& context) {
  if (context.globals.json) {
    context.out.PrintJson(Json::Of({{"version", TATARA_VERSION}}));
  } else {
    context.out.Line("tatara " TATARA_VERSION);
  }
  return 0;
}

Result<int> Help(Context& context) {
  if (context.arguments.Has("--markdown")) {
    context.out.Print(CommandReference());
    return 0;
  }
  const std::string name = Join(context.arguments.positional, " ");
  if (name.empty()) {
    context.out.Print(Overview());
    return 0;
  }
  const Command* command = FindCommand(name);
  if (command == nullptr) return std::unexpected(UnknownCommand(name));
  context.out.Print(CommandHelp(*command));
  return 0;
}

// Commands of the plan that are not here yet: said by name, so that nobody looks for a typing
// error.
Command Absent(const std::string& name, const std::string& section, const std::string& instead) {
  return {.name = name,
          .usage = "...",
          .summary = "not in this version",
          .section = section,
          .positional_max = kAnyNumber,
          .run = [name, instead](Context&) -> Result<int> {
            return Unsupported("`tatara " + name + "` is not in this version; " + instead);
          }};
}

Result<int> Complete(Context& context) {
  context.out.Print(TRY(Completion(context.arguments.positional[0])));
  return 0;
}

}  // namespace

std::vector<Command> ServerCommands() {
  const std::string section(kServerSection);
  return {
      {.name = "up",
       .summary = "run the server in the foreground; prints its address when ready",
       .section = section,
       .options = {{"--listen", "HOST:PORT",
                    "where to listen (default 127.0.0.1:7700; port 0: any)"},
                   {"--artifacts", "DIR", "keep artifacts there instead of HOME/artifacts"},
                   {"--database", "URL", "not in this version"},
                   {"--replay-from", "TIME", "run on replay time, which event times move"},
                   {"--wait", "", "wait until the home is free"},
                   {"--insecure", "", "listen on another address than loopback without TLS"}},
       .details = "SIGTERM and Ctrl-C end it within 10 seconds; jobs go on and are found again.",
       .examples = "  tatara up\n  tatara up --listen 127.0.0.1:0 --replay-from 2013-04-01\n",
       .run = Up},
      {.name = "down",
       .summary = "end the server; its jobs go on",
       .section = section,
       .options = {{"--jobs", "", "cancel its jobs first"}},
       .examples = "  tatara down --jobs\n",
       .run = Down},
      {.name = "status",
       .summary = "what runs here",
       .section = section,
       .examples = "  tatara status --json\n",
       .run = ShowStatus},
      {.name = "clock advance",
       .usage = "TIME",
       .summary = "move a replay clock and do all that is due by then",
       .section = section,
       .examples = "  tatara clock advance 2013-08-02\n",
       .positional_min = 1,
       .positional_max = 1,
       .run = AdvanceClock},
      {.name = "clock",
       .summary = "show the home's clock",
       .section = section,
       .examples = "  tatara clock\n",
       .run = ShowClock},
      {.name = "version",
       .summary = "the version of this program",
       .section = section,
       .run = Version},
      {.name = "help",
       .usage = "[COMMAND]",
       .summary = "show help",
       .section = section,
       .options = {{"--markdown", "", "all commands as one Markdown page"}},
       .positional_max = 2,
       .run = Help},
      {.name = "completion",
       .usage = "bash|zsh",
       .summary = "print a completion script for the shell",
       .section = section,
       .examples = "  eval \"$(tatara completion bash)\"\n",
       .positional_min = 1,
       .positional_max = 1,
       .run = Complete},
      Absent("console", section, "`tatara help` lists what there is to look with"),
      Absent("cost", section, "`tatara jobs --json` has each job's seconds of CPU"),
  };
}

}  // namespace tatara::cli
