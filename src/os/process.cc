#include "os/process.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/resource.h>
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

// Arguments, environment and the full paths to try, in the form that exec takes.
struct ChildPlan {
  std::vector<char*> argv;
  std::vector<std::string> environment_text;
  std::vector<char*> environment;
  std::vector<std::string> candidates;
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

// What the child does between its birth and its exec. posix_spawn shares our memory until then, so
// that a start costs the same however much memory the server has; fork would copy its page table.
class ChildSetup {
 public:
  explicit ChildSetup(const SpawnOptions& options) {
    ::posix_spawn_file_actions_init(&actions_);
    ::posix_spawnattr_init(&attributes_);
    if (!options.folder.empty()) {
      ::posix_spawn_file_actions_addchdir_np(&actions_, options.folder.c_str());
    }
    constexpr int kAppend = O_WRONLY | O_CREAT | O_APPEND;
    Redirect(options.stdin_path, 0, O_RDONLY);
    Redirect(options.stdout_path, 1, kAppend);
    if (options.stderr_path == options.stdout_path && options.stdout_path != "-") {
      ::posix_spawn_file_actions_adddup2(&actions_, 1, 2);
    } else {
      Redirect(options.stderr_path, 2, kAppend);
    }
    // Sockets and files of the server are nobody else's.
    ::posix_spawn_file_actions_addclosefrom_np(&actions_, 3);
    sigset_t none, pipe;
    sigemptyset(&none);
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    ::posix_spawnattr_setsigmask(&attributes_, &none);
    ::posix_spawnattr_setsigdefault(&attributes_, &pipe);
    int flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
    if (options.new_session) flags |= POSIX_SPAWN_SETSID;
    ::posix_spawnattr_setflags(&attributes_, static_cast<short>(flags));
  }
  ChildSetup(const ChildSetup&) = delete;
  ChildSetup& operator=(const ChildSetup&) = delete;
  ~ChildSetup() {
    ::posix_spawn_file_actions_destroy(&actions_);
    ::posix_spawnattr_destroy(&attributes_);
  }

  // 0, or the errno of the step that failed, exec's included.
  int Start(const std::string& program, const ChildPlan& plan, pid_t& pid) const {
    return ::posix_spawn(&pid, program.c_str(), &actions_, &attributes_, plan.argv.data(),
                         plan.environment.data());
  }

 private:
  void Redirect(const std::string& path, int fd, int flags) {
    if (path == "-") return;
    const char* opened = path.empty() ? "/dev/null" : path.c_str();
    ::posix_spawn_file_actions_addopen(&actions_, fd, opened, flags, 0644);
  }

  posix_spawn_file_actions_t actions_;
  posix_spawnattr_t attributes_;
};

// The text lies in a file of memory that only the child keeps.
Result<int> SpawnWithText(const SpawnOptions& options) {
  const int fd = ::memfd_create("stdin", MFD_CLOEXEC);
  if (fd < 0) return std::unexpected(SystemError("start", options.argv[0], errno));
  size_t done = 0;
  while (done < options.stdin_text.size()) {
    const ssize_t written =
        ::write(fd, options.stdin_text.data() + done, options.stdin_text.size() - done);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) {
      const int error_number = errno;
      ::close(fd);
      return std::unexpected(SystemError("start", options.argv[0], error_number));
    }
    done += static_cast<size_t>(written);
  }
  SpawnOptions with_file = options;
  with_file.stdin_text.clear();
  with_file.stdin_path = "/proc/self/fd/" + std::to_string(fd);
  auto pid = Spawn(with_file);
  ::close(fd);
  return pid;
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
  if (!options.stdin_text.empty()) return SpawnWithText(options);
  const ChildPlan plan = MakePlan(options);
  const ChildSetup setup(options);
  int error_number = ENOENT;
  for (const std::string& candidate : plan.candidates) {
    pid_t pid = 0;
    const int failed = setup.Start(candidate, plan, pid);
    if (failed == 0) return pid;
    if (failed != ENOENT && failed != ENOTDIR) error_number = failed;
  }
  return std::unexpected(SystemError("start", options.argv[0], error_number));
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

void RaiseFileLimit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

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
