// Child processes, and facts about this one.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace tatara::os {

using Environment = std::map<std::string, std::string>;
Environment CurrentEnvironment();
std::optional<std::string> EnvironmentVariable(const std::string& name);

struct SpawnOptions {
  std::vector<std::string> argv;  // argv[0] is looked up in PATH when it holds no '/'
  std::string folder;             // working directory; empty: ours
  Environment environment;
  bool new_session = true;  // setsid: signals to our terminal do not reach it
  std::string stdin_path = "/dev/null";
  std::string stdin_text;   // not empty: what it reads there instead; never on a disk
  std::string stdout_path;  // empty: /dev/null; "-": ours
  std::string stderr_path;  // empty: /dev/null; "-": ours
};

// Starts a process; an error when it cannot be started (also when exec fails). Returns its pid.
// The caller reaps it with Reap, or leaves it to init when it was started detached.
Result<int> Spawn(const SpawnOptions& options);

struct ExitStatus {
  int code = 0;  // 128+N for signal N
  bool signalled = false;
};
// The exit of our child if it has ended, else nothing. Does not block.
std::optional<ExitStatus> Reap(int pid);
// Blocks until our child has ended.
ExitStatus Wait(int pid);

// Runs a command to its end and takes what it prints on both streams together.
struct CommandResult {
  ExitStatus exit;
  std::string output;
};
Result<CommandResult> RunCommand(const SpawnOptions& options);

// Identity of a running process that survives the reuse of its pid: start time in clock ticks
// since boot, and the boot's id. Nothing when there is no such process.
std::optional<std::string> ProcessIdentity(int pid);
bool SignalGroup(int pgid, int signal);

std::string ExecutablePath();  // of the running tatara
std::string LibraryFolder();   // lib/tatara beside its bin/
int ProcessId();
int CpuCount();
std::string HostName();
std::string WorkingFolder();
bool IsTerminal(int fd);
// Lets this process open as many files and sockets as the system allows it to.
void RaiseFileLimit();

// Blocks SIGINT and SIGTERM in all threads started afterwards and lets one thread wait for them.
class SignalWatcher {
 public:
  SignalWatcher();
  ~SignalWatcher();
  // Waits up to `span`; the signal's number, or 0.
  int WaitFor(std::chrono::milliseconds span);
};

}  // namespace tatara::os
