#include "jobs/engines/process/process_engine.h"

#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdio>

#include "base/log.h"
#include "base/strings.h"
#include "os/files.h"
#include "runner/runner.h"

namespace tatara::jobs {
namespace {

Observation::Why ToWhy(runner::EndReason reason) {
  switch (reason) {
    case runner::EndReason::kCancelled:
      return Observation::Why::kCancelled;
    case runner::EndReason::kTimedOut:
      return Observation::Why::kTimedOut;
    case runner::EndReason::kOutOfMemory:
      return Observation::Why::kOutOfMemory;
    default:
      return Observation::Why::kExited;
  }
}

// Processes of a command whose runner was killed: those that carry the attempt in their
// environment, so that a reused process group of somebody else is never touched.
void KillLeftovers(const AttemptKey& key) {
  const std::string mark = std::string(1, '\0') + "TATARA_ATTEMPT=" + key.Text() + '\0';
  auto entries = os::ListFolder("/proc");
  if (!entries) return;
  for (const std::string& entry : *entries) {
    int64_t pid = 0;
    if (!ParseInt(entry, pid)) continue;
    auto environment = os::ReadFile("/proc/" + entry + "/environ", 1 << 22);
    if (!environment) continue;
    if ((std::string(1, '\0') + *environment).find(mark) == std::string::npos) continue;
    if (auto name = os::ReadFile("/proc/" + entry + "/comm");
        name && name->starts_with("tatara-runner")) {
      continue;
    }
    ::kill(static_cast<int>(pid), SIGKILL);
  }
}

}  // namespace

ProcessEngine::ProcessEngine(std::string folder, std::string runner)
    : folder_(std::move(folder)), runner_(std::move(runner)) {}

ProcessEngine::~ProcessEngine() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  Nudge();
  watcher_.Join();
  for (auto& [key, watched] : watched_) ::close(watched.pidfd);
  if (wake_fd_ >= 0) ::close(wake_fd_);
}

Status ProcessEngine::Open(Observer observer) {
  observer_ = std::move(observer);
  TRY(os::MakeFolders(folder_, 0700));
  wake_fd_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (wake_fd_ < 0) return Internal("cannot make an eventfd");
  watcher_ = os::Thread("job-watch", [this] { WatchLoop(); });
  return {};
}

std::string ProcessEngine::Folder(const AttemptKey& key) const {
  return folder_ + "/" + key.job.value + "/" + std::to_string(key.number);
}

std::string ProcessEngine::LogPath(const AttemptKey& key) const { return Folder(key) + "/log"; }

void ProcessEngine::Start(const AttemptSpec& spec) {
  const std::string folder = Folder(spec.key);
  runner::Spec written{.folder = spec.folder,
                       .argv = spec.argv,
                       .timeout_ms = spec.timeout.count() / 1000,
                       .memory_max = spec.memory};
  for (const auto& [name, value] : spec.environment) {
    written.environment.push_back(name + "=" + value);
  }
  auto start = [&]() -> Result<int> {
    TRY(os::MakeFolders(folder, 0700));
    if (os::Exists(folder + "/claim")) return Conflict("it has been started before");
    return os::Spawn({.argv = {runner_, folder},
                      .folder = "/",
                      .environment = {},
                      .stdin_text = runner::EncodeSpec(written)});
  };
  Result<int> pid = start();
  if (!pid && pid.error().code == Code::kConflict) return Recover(spec.key, true);
  if (!pid) {
    return Report(spec.key, Observation::Kind::kStartFailed,
                  "cannot start: " + pid.error().message);
  }
  Watch(spec.key, *pid);
  Report(spec.key, Observation::Kind::kRunning);
}

void ProcessEngine::Watch(const AttemptKey& key, int pid) {
  const int pidfd = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
  bool stop = false;
  {
    std::lock_guard lock(mutex_);
    Watched& watched = watched_[key];
    stop = watched.stop_wanted;
    watched = {key, pid, pidfd, stop};
  }
  if (pidfd < 0) {  // it has ended already (and is not our child), or the kernel is too old
    Watched ended;
    {
      std::lock_guard lock(mutex_);
      ended = watched_[key];
      watched_.erase(key);
    }
    return ReportEnd(ended);
  }
  if (stop) ::syscall(SYS_pidfd_send_signal, pidfd, SIGTERM, nullptr, 0);
  Nudge();
}

void ProcessEngine::Stop(const AttemptKey& key) {
  std::lock_guard lock(mutex_);
  Watched& watched = watched_[key];
  watched.key = key;
  watched.stop_wanted = true;  // Watch sends it when the start is still under way
  if (watched.pidfd >= 0) ::syscall(SYS_pidfd_send_signal, watched.pidfd, SIGTERM, nullptr, 0);
}

void ProcessEngine::Recover(const AttemptKey& key, bool same_boot) {
  const std::string folder = Folder(key);
  const bool alive = os::FileLock::IsHeld(folder + "/lock");
  if (!alive && os::Exists(folder + "/exit")) return ReportEnd({key, 0, -1, false});
  if (!alive) {
    if (os::Exists(folder + "/claim") || !same_boot) {
      KillLeftovers(key);
      return Report(key, Observation::Kind::kGone, "its runner ended without a record");
    }
    return Report(key, Observation::Kind::kNotStarted);
  }
  // The runner lives. Its pid is in the claim; between lock and claim it takes a moment to appear.
  for (int i = 0; i < 200; ++i) {
    auto claim = os::ReadFile(folder + "/claim");
    int pid = 0;
    if (claim && std::sscanf(claim->c_str(), "%d", &pid) == 1) {
      Watch(key, pid);
      return Report(key, Observation::Kind::kRunning);
    }
    if (!os::FileLock::IsHeld(folder + "/lock")) return Recover(key, same_boot);
    os::SleepFor(std::chrono::milliseconds(5));
  }
  Report(key, Observation::Kind::kGone, "its runner does not say who it is");
}

void ProcessEngine::Nudge() {
  if (wake_fd_ < 0) return;
  const uint64_t one = 1;
  [[maybe_unused]] ssize_t written = ::write(wake_fd_, &one, sizeof one);
}

void ProcessEngine::WatchLoop() {
  for (;;) {
    std::vector<pollfd> fds = {{wake_fd_, POLLIN, 0}};
    std::vector<AttemptKey> keys;
    {
      std::lock_guard lock(mutex_);
      if (stopping_) return;
      for (const auto& [key, watched] : watched_) {
        if (watched.pidfd < 0) continue;
        fds.push_back({watched.pidfd, POLLIN, 0});
        keys.push_back(key);
      }
    }
    ::poll(fds.data(), fds.size(), -1);
    uint64_t count;
    [[maybe_unused]] ssize_t got = ::read(wake_fd_, &count, sizeof count);
    for (size_t i = 1; i < fds.size(); ++i) {
      if ((fds[i].revents & POLLIN) == 0) continue;
      Watched ended;
      {
        std::lock_guard lock(mutex_);
        ended = watched_[keys[i - 1]];
        watched_.erase(keys[i - 1]);
      }
      ::close(ended.pidfd);
      ReportEnd(ended);
    }
  }
}

void ProcessEngine::ReportEnd(const Watched& watched) {
  if (watched.pid > 0) (void)os::Reap(watched.pid);
  const std::string folder = Folder(watched.key);
  auto text = os::ReadFile(folder + "/exit", 4096);
  runner::ExitRecord record;
  if (!text || !runner::DecodeExit(*text, record)) {
    if (os::FileLock::IsHeld(folder + "/lock")) return Recover(watched.key, true);
    KillLeftovers(watched.key);
    return Report(watched.key, Observation::Kind::kGone, "its runner ended without a record");
  }
  Observation end;
  end.key = watched.key;
  end.kind = record.reason == runner::EndReason::kNotStarted ? Observation::Kind::kStartFailed
                                                             : Observation::Kind::kEnded;
  end.exit_code = record.exit_code;
  end.why = ToWhy(record.reason);
  end.peak_memory = record.peak_memory;
  end.cpu_seconds = static_cast<double>(record.cpu_us) / 1e6;
  if (end.kind == Observation::Kind::kStartFailed) end.message = "the runner could not start it";
  observer_(std::move(end));
}

void ProcessEngine::Report(const AttemptKey& key, Observation::Kind kind, std::string message) {
  Observation observation;
  observation.key = key;
  observation.kind = kind;
  observation.message = std::move(message);
  observer_(std::move(observation));
}

}  // namespace tatara::jobs
