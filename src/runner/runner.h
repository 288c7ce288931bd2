// What the server and the runner agree on: the runner's standard input and the files of an
// attempt's folder.
//
//   stdin       what to run: NUL-ended fields (see EncodeSpec); it holds the environment, and is
//               not a file so that secrets never lie on the disk
//   lock        the runner holds an flock on it for as long as it lives
//   claim       made by the runner with O_EXCL before the command starts: "RUNNER_PID GROUP\n";
//               who fails to make it has lost, so that an attempt runs at most once
//   log         stdout and stderr of the command, appended by the command itself
//   exit        the record of the end, written to a temporary name and renamed (and fsynced, unless
//               the server that started it lives and so takes it at once):
//               "exit_code reason cpu_us peak_bytes\n"
//
// The runner takes two signals from the server: SIGTERM (cancel) ends the command with TERM, then
// KILL after the grace. It enforces the time limit and the memory limit itself, so that they hold
// while no server runs.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace tatara::runner {

struct Spec {
  std::string folder;  // the command's working directory
  std::vector<std::string> argv;
  std::vector<std::string> environment;  // "NAME=value"
  int64_t timeout_ms = 0;                // 0: none
  int64_t grace_ms = 5000;               // from TERM to KILL
  int64_t memory_max = 0;                // bytes of resident memory of all its processes; 0: none
};

enum class EndReason { kExited, kCancelled, kTimedOut, kOutOfMemory, kNotStarted };

struct ExitRecord {
  int exit_code = 0;  // 128+N for signal N
  EndReason reason = EndReason::kExited;
  int64_t cpu_us = 0;
  int64_t peak_memory = 0;  // bytes, of the largest process
};

std::string EncodeSpec(const Spec& spec);
bool DecodeSpec(const std::string& text, Spec& spec);
std::string EncodeExit(const ExitRecord& record);
bool DecodeExit(const std::string& text, ExitRecord& record);

}  // namespace tatara::runner
