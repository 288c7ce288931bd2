// tatara-runner ATTEMPT_FOLDER: the small static program that stands between the server and a job.
// It outlives the server, so that a job does; see runner/runner.h for the files.
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <map>
#include <string>

#include "runner/runner.h"

namespace {

using tatara::runner::EndReason;
using tatara::runner::ExitRecord;
using tatara::runner::Spec;

constexpr int kAlreadyClaimed = 75;  // another runner has this attempt
constexpr int kBroken = 70;
constexpr int64_t kMemoryPollMs = 100;

int64_t NowMs() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000LL + now.tv_nsec / 1'000'000;
}

bool ReadToEnd(int fd, std::string& out) {
  char buffer[65536];
  ssize_t got;
  while ((got = read(fd, buffer, sizeof buffer)) > 0) out.append(buffer, static_cast<size_t>(got));
  return got == 0;
}

bool ReadAll(const char* path, std::string& out) {
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const bool whole = ReadToEnd(fd, out);
  close(fd);
  return whole;
}

bool WriteAll(int fd, const std::string& text) {
  size_t done = 0;
  while (done < text.size()) {
    const ssize_t written = write(fd, text.data() + done, text.size() - done);
    if (written < 0 && errno != EINTR) return false;
    if (written > 0) done += static_cast<size_t>(written);
  }
  return true;
}

// Whole or not there. `durably`: on the disk before we end, since nobody is there who takes it at
// once and makes it durable by a commit of its own.
bool WriteExitRecord(const ExitRecord& record, bool durably) {
  const int fd = open("exit.tmp", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return false;
  const bool written = WriteAll(fd, EncodeExit(record)) && (!durably || fsync(fd) == 0);
  close(fd);
  if (!written || rename("exit.tmp", "exit") != 0) return false;
  if (!durably) return true;
  const int folder = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool synced = folder >= 0 && fsync(folder) == 0;
  if (folder >= 0) close(folder);
  return synced;
}

[[noreturn]] void RunCommand(const Spec& spec, int log, pid_t runner) {
  setpgid(0, 0);
  // If the runner is killed, the command must not go on without anybody who records its end.
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != runner) _exit(127);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  const int null = open("/dev/null", O_RDONLY);
  dup2(null, 0);
  dup2(log, 1);
  dup2(log, 2);
  std::vector<char*> argv, environment;
  for (const std::string& argument : spec.argv) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  for (const std::string& entry : spec.environment) {
    environment.push_back(const_cast<char*>(entry.c_str()));
    putenv(environment.back());  // execvp looks PATH up in our own environment
  }
  environment.push_back(nullptr);
  if (chdir(spec.folder.c_str()) != 0) {
    dprintf(2, "cannot enter %s: %s\n", spec.folder.c_str(), strerror(errno));
    _exit(126);
  }
  execvpe(argv[0], argv.data(), environment.data());
  dprintf(2, "cannot run %s: %s\n", argv[0], strerror(errno));
  _exit(errno == ENOENT ? 127 : 126);
}

struct Process {
  pid_t parent = 0;
  int64_t resident = 0;
};

std::map<pid_t, Process> AllProcesses() {
  std::map<pid_t, Process> out;
  DIR* dir = opendir("/proc");
  if (dir == nullptr) return out;
  while (const dirent* entry = readdir(dir)) {
    if (entry->d_name[0] < '1' || entry->d_name[0] > '9') continue;
    std::string stat;
    if (!ReadAll((std::string("/proc/") + entry->d_name + "/stat").c_str(), stat)) continue;
    const size_t end = stat.rfind(')');
    if (end == std::string::npos) continue;
    Process process;
    char state = 0;
    long pages = 0;  // proc(5): state, parent, 19 fields that we skip, resident pages
    if (sscanf(stat.c_str() + end + 1,
               " %c %d %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s "
               "%ld",
               &state, &process.parent, &pages) != 3) {
      continue;
    }
    process.resident = pages * sysconf(_SC_PAGESIZE);
    out[atoi(entry->d_name)] = process;
  }
  closedir(dir);
  return out;
}

// Resident bytes of all that the runner started, also what has left the command's group: we are the
// reaper of our descendants, so that none gets another ancestor.
int64_t MemoryOfDescendants(pid_t runner) {
  const auto processes = AllProcesses();
  int64_t total = 0;
  for (const auto& [pid, process] : processes) {
    constexpr int kDepthMax = 1000;  // the table is no snapshot
    pid_t above = process.parent;
    for (int i = 0; i < kDepthMax && above > 1 && above != runner; ++i) {
      const auto found = processes.find(above);
      above = found == processes.end() ? 0 : found->second.parent;
    }
    if (above == runner) total += process.resident;
  }
  return total;
}

// Watches the command until it has ended, and ends it when it must.
class Watch {
 public:
  Watch(const Spec& spec, pid_t child, int signals)
      : spec_(spec), child_(child), signals_(signals), started_(NowMs()) {}

  ExitRecord Run() {
    int raw = 0;
    while (!Reap(raw)) {
      pollfd ready{signals_, POLLIN, 0};
      poll(&ready, 1, PollMs());
      ReadSignals();
      const int64_t now = NowMs();
      if (spec_.timeout_ms > 0 && now - started_ >= spec_.timeout_ms) End(EndReason::kTimedOut);
      if (spec_.memory_max > 0) CheckMemory();
      if (ending_ && now >= kill_at_) kill(-child_, SIGKILL);
    }
    EndLeftovers();
    return Record(raw);
  }

 private:
  bool Reap(int& raw) {
    for (;;) {
      int status = 0;
      const pid_t pid = waitpid(-1, &status, WNOHANG);
      if (pid <= 0) return false;
      if (pid == child_) {
        raw = status;
        return true;
      }
    }
  }

  // What the command left behind ends with it: its group, and what has left the group (setsid) and
  // became our child when its parents ended.
  void EndLeftovers() {
    kill(-child_, SIGKILL);
    constexpr int kRounds = 1000;
    for (int i = 0; i < kRounds; ++i) {
      while (waitpid(-1, nullptr, WNOHANG) > 0) {
      }
      std::string children;
      if (!ReadAll("/proc/thread-self/children", children) || children.empty()) return;
      const char* at = children.c_str();
      char* end = nullptr;
      for (long pid = strtol(at, &end, 10); end != at; pid = strtol(at, &end, 10)) {
        kill(static_cast<pid_t>(pid), SIGKILL);
        at = end;
      }
      poll(nullptr, 0, 1);
    }
  }

  int PollMs() const {
    int64_t wait = 3'600'000;
    const int64_t now = NowMs();
    if (spec_.timeout_ms > 0) wait = std::min(wait, started_ + spec_.timeout_ms - now);
    if (spec_.memory_max > 0) wait = std::min(wait, kMemoryPollMs);
    if (ending_) wait = std::min(wait, kill_at_ - now);
    return static_cast<int>(std::max<int64_t>(wait, ending_ ? 50 : 0));
  }

  void ReadSignals() {
    signalfd_siginfo info;
    while (read(signals_, &info, sizeof info) == sizeof info) {
      if (info.ssi_signo == SIGTERM) End(EndReason::kCancelled);
    }
  }

  void CheckMemory() {
    if (ending_ || MemoryOfDescendants(getpid()) <= spec_.memory_max) return;
    End(EndReason::kOutOfMemory);
  }

  void End(EndReason reason) {
    if (ending_) return;
    ending_ = true;
    reason_ = reason;
    kill_at_ = NowMs() + spec_.grace_ms;
    // Without grace where it would only go on growing.
    kill(-child_, reason == EndReason::kOutOfMemory ? SIGKILL : SIGTERM);
    kill(-child_, SIGCONT);
  }

  ExitRecord Record(int raw) const {
    ExitRecord record;
    record.exit_code = WIFSIGNALED(raw) ? 128 + WTERMSIG(raw) : WEXITSTATUS(raw);
    record.reason = reason_;
    rusage usage{};
    getrusage(RUSAGE_CHILDREN, &usage);
    const auto micros = [](const timeval& t) { return t.tv_sec * 1'000'000LL + t.tv_usec; };
    record.cpu_us = micros(usage.ru_utime) + micros(usage.ru_stime);
    record.peak_memory = usage.ru_maxrss * 1024LL;
    return record;
  }

  const Spec& spec_;
  const pid_t child_;
  const int signals_;
  const int64_t started_;
  bool ending_ = false;
  EndReason reason_ = EndReason::kExited;
  int64_t kill_at_ = 0;
};

// The lock says "I live"; the claim says "this attempt has been started, never start it again".
bool Claim() {
  const int lock = open("lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (lock < 0 || flock(lock, LOCK_EX | LOCK_NB) != 0) return false;
  const int claim = open("claim", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (claim < 0) return false;
  close(claim);
  return true;
}

void WriteClaim(pid_t group) {
  const int claim = open("claim", O_WRONLY | O_CLOEXEC);
  if (claim < 0) return;
  WriteAll(claim, std::to_string(getpid()) + " " + std::to_string(group) + "\n");
  close(claim);
}

}  // namespace

int main(int argc, char** argv) {
  const pid_t server = getppid();
  if (argc != 2 || chdir(argv[1]) != 0) return kBroken;
  sigset_t watched;
  sigemptyset(&watched);
  sigaddset(&watched, SIGTERM);
  sigaddset(&watched, SIGINT);
  sigaddset(&watched, SIGHUP);
  sigaddset(&watched, SIGCHLD);
  sigprocmask(SIG_BLOCK, &watched, nullptr);
  const int signals = signalfd(-1, &watched, SFD_CLOEXEC | SFD_NONBLOCK);
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  if (!Claim()) return kAlreadyClaimed;
  std::string text;
  Spec spec;
  if (!ReadToEnd(STDIN_FILENO, text) || !DecodeSpec(text, spec)) {
    WriteExitRecord({126, EndReason::kNotStarted, 0, 0}, true);
    return kBroken;
  }
  const int log = open("log", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  const pid_t runner = getpid();
  const pid_t child = log < 0 ? -1 : fork();
  if (child == 0) RunCommand(spec, log, runner);
  if (child < 0) {
    WriteExitRecord({126, EndReason::kNotStarted, 0, 0}, true);
    return kBroken;
  }
  setpgid(child, child);
  WriteClaim(child);
  const ExitRecord record = Watch(spec, child, signals).Run();
  struct stat written;  // of an empty log there is nothing to lose
  if (fstat(log, &written) == 0 && written.st_size > 0) fsync(log);
  const bool server_lives = server > 1 && getppid() == server;
  return WriteExitRecord(record, !server_lives) ? 0 : kBroken;
}
