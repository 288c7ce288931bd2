#include "os/process.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <thread>

#include "base/strings.h"
#include "os/files.h"

extern char** environ;

namespace tatara::os {
namespace {

// Everything that the child needs, laid out before fork: after it only async-signal-safe calls.
struct ChildPlan {
  std::vector<char*> argv;
  std::vector<std::string> environment_text;
  std::vector<char*> environment;
  std::vector<std::string> candidates;  // full paths to try
};

ChildPlan MakePlan(const SpawnOptions& options) {
  ChildPlan plan;
  for (const std::string& argument : options.argv) {
    plan.argv.push_back(const_cast<char*>(argument.c_str()));
  }
  plan.argv.push_back(nullptr);
  for (const auto& [name, value] : options.environment) {
    plan.environment_text.push_back(name + "=" + value);
  }
  for (std::string& text : plan.environment_text) plan.environment.push_back(text.data());
  plan.environment.push_back(nullptr);
  const std::string& program = options.argv[0];
  if (program.find('/') != std::string::npos) {
    plan.candidates.push_back(program);
  } else {
    const auto path = options.environment.find("PATH");
    const std::string folders =
        path == options.environment.end() ? "/usr/local/bin:/usr/bin:/bin" : path->second;
    for (const std::string& folder : Split(folders, ':')) {
      plan.candidates.push_back(JoinPath(folder.empty() ? "." : folder, program));
    }
  }
  return plan;
}

bool Redirect(const std::string& path, int fd, int flags) {
  if (path == "-") return true;
  const int opened = ::open(path.empty() ? "/dev/null" : path.c_str(), flags, 0644);
  if (opened < 0) return false;
  if (opened == fd) return true;
  const bool ok = ::dup2(opened, fd) >= 0;
  ::close(opened);
  return ok;
}

[[noreturn]] void RunChild(const SpawnOptions& options, const ChildPlan& plan, int report) {
  const auto fail = [&](int error_number) {
    [[maybe_unused]] ssize_t written = ::write(report, &error_number, sizeof error_number);
    ::_exit(127);
  };
  if (options.new_session) ::setsid();
  // Sockets and files of the server are nobody else's; the report pipe closes at exec too.
  ::close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::signal(SIGPIPE, SIG_DFL);
  if (!options.folder.empty() && ::chdir(options.folder.c_str()) != 0) fail(errno);
  if (!Redirect(options.stdin_path, 0, O_RDONLY)) fail(errno);
  constexpr int kAppend = O_WRONLY | O_CREAT | O_APPEND;
  if (!Redirect(options.stdout_path, 1, kAppend)) fail(errno);
  if (options.stderr_path == options.stdout_path && options.stdout_path != "-") {
    if (::dup2(1, 2) < 0) fail(errno);
  } else if (!Redirect(options.stderr_path, 2, kAppend)) {
    fail(errno);
  }
  int error_number = ENOENT;
  for (const std::string& candidate : plan.candidates) {
    ::execve(candidate.c_str(), plan.argv.data(), plan.environment.data());
    if (errno != ENOENT && errno != ENOTDIR) error_number = errno;
  }
  fail(error_number);
  ::_exit(127);
}

ExitStatus ToExit(int raw) {
  if (WIFSIGNALED(raw)) return {128 + WTERMSIG(raw), true};
  return {WEXITSTATUS(raw), false};
}

}  // namespace

Environment CurrentEnvironment() {
  Environment out;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const size_t equals = text.find('=');
    if (equals != std::string_view::npos) {
      out.emplace(text.substr(0, equals), text.substr(equals + 1));
    }
  }
  return out;
}

std::optional<std::string> EnvironmentVariable(const std::string& name) {
  const char* value = ::getenv(name.c_str());
  return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

Result<int> Spawn(const SpawnOptions& options) {
  CHECK(!options.argv.empty());
  const ChildPlan plan = MakePlan(options);
  int report[2];
  if (::pipe2(report, O_CLOEXEC) != 0) {
    return std::unexpected(SystemError("start", options.argv[0], errno));
  }
  const int pid = ::fork();
  if (pid == 0) RunChild(options, plan, report[1]);
  const int fork_error = errno;
  ::close(report[1]);
  if (pid < 0) {
    ::close(report[0]);
    return std::unexpected(SystemError("start", options.argv[0], fork_error));
  }
  int error_number = 0;
  ssize_t got;
  do {
    got = ::read(report[0], &error_number, sizeof error_number);
  } while (got < 0 && errno == EINTR);
  ::close(report[0]);
  if (got == sizeof error_number) {
    ::waitpid(pid, nullptr, 0);
    return std::unexpected(SystemError("start", options.argv[0], error_number));
  }
  return pid;
}

std::optional<ExitStatus> Reap(int pid) {
  int raw = 0;
  const int got = ::waitpid(pid, &raw, WNOHANG);
  if (got != pid) return std::nullopt;
  return ToExit(raw);
}

ExitStatus Wait(int pid) {
  int raw = 0;
  while (::waitpid(pid, &raw, 0) < 0 && errno == EINTR) {
  }
  return ToExit(raw);
}

Result<CommandResult> RunCommand(const SpawnOptions& options) {
  int out[2];
  if (::pipe2(out, O_CLOEXEC) != 0) {
    return std::unexpected(SystemError("start", options.argv[0], errno));
  }
  SpawnOptions piped = options;
  piped.stdout_path = piped.stderr_path = "/proc/self/fd/" + std::to_string(out[1]);
  auto pid = Spawn(piped);
  ::close(out[1]);
  if (!pid) {
    ::close(out[0]);
    return std::unexpected(pid.error());
  }
  CommandResult result;
  char buffer[65536];
  for (;;) {
    const ssize_t got = ::read(out[0], buffer, sizeof buffer);
    if (got > 0) result.output.append(buffer, static_cast<size_t>(got));
    if (got == 0 || (got < 0 && errno != EINTR)) break;
  }
  ::close(out[0]);
  result.exit = Wait(*pid);
  return result;
}

std::optional<std::string> ProcessIdentity(int pid) {
  static const std::string boot = [] {
    auto text = ReadFile("/proc/sys/kernel/random/boot_id");
    return text ? std::string(Trim(*text)) : std::string();
  }();
  auto stat = ReadFile("/proc/" + std::to_string(pid) + "/stat");
  if (!stat) return std::nullopt;
  // The name in parentheses may hold anything; fields are counted after its last ')'.
  const size_t end = stat->rfind(')');
  if (end == std::string::npos) return std::nullopt;
  const std::vector<std::string> fields = Split(Trim(stat->substr(end + 1)), ' ');
  if (fields.size() < 20 || fields[0] == "Z" || fields[0] == "X") return std::nullopt;
  return fields[19] + "@" + boot;
}

bool SignalGroup(int pgid, int signal) { return ::kill(-pgid, signal) == 0; }

std::string ExecutablePath() {
  char buffer[4096];
  const ssize_t size = ::readlink("/proc/self/exe", buffer, sizeof buffer);
  return size > 0 ? std::string(buffer, static_cast<size_t>(size)) : "";
}

std::string LibraryFolder() { return JoinPath(ParentOf(ParentOf(ExecutablePath())), "lib/tatara"); }

int ProcessId() { return ::getpid(); }

int CpuCount() {
  const long count = ::sysconf(_SC_NPROCESSORS_ONLN);
  return count > 0 ? static_cast<int>(count) : 1;
}

std::string HostName() {
  char buffer[256] = {};
  ::gethostname(buffer, sizeof buffer - 1);
  return buffer;
}

std::string WorkingFolder() { return AbsolutePath("."); }

bool IsTerminal(int fd) { return ::isatty(fd) == 1; }

SignalWatcher::SignalWatcher() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
}

SignalWatcher::~SignalWatcher() = default;

int SignalWatcher::WaitFor(std::chrono::milliseconds span) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  const timespec timeout{span.count() / 1000, (span.count() % 1000) * 1'000'000};
  const int signal = ::sigtimedwait(&set, nullptr, &timeout);
  return signal > 0 ? signal : 0;
}

}  // namespace tatara::os
