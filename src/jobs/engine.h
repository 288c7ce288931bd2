// What runs attempts: the process engine now; Docker, Slurm, Kubernetes, AWS Batch and ECS later.
//
// Contract
//  1. Start is idempotent by attempt: called again for one that was started, it starts nothing and
//     the attempt is observed as it is. The intent is durable before Start is called.
//  2. An end is reported from a positive observation only: unreachable is not failed, and an
//     attempt that is not found is kGone, never a success.
//  3. Stop asks (TERM, grace, KILL); the end is then observed like any other. Stop of an attempt
//     that has ended is harmless.
//  4. Observations come through the callback given to Open, from any thread, at least once for
//     each end; the caller ignores repeats.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/id.h"
#include "base/time.h"
#include "os/process.h"

namespace tatara::jobs {

struct AttemptKey {
  JobId job;
  int number = 0;
  auto operator<=>(const AttemptKey&) const = default;
  // "j-....2": as it stands in tokens and in TATARA_ATTEMPT.
  std::string Text() const { return job.value + "." + std::to_string(number); }
};

struct AttemptSpec {
  AttemptKey key;
  std::vector<std::string> argv;
  std::string folder;
  os::Environment environment;
  Duration timeout{0};  // 0: none
  int64_t memory = 0;   // bytes, 0: no limit
};

struct Observation {
  enum class Kind {
    kRunning,
    kEnded,
    kGone,         // it was started once and has vanished without a record
    kNotStarted,   // Recover only: it never began; Start may be called
    kStartFailed,  // the engine could not start it: `message` says why
  };
  enum class Why { kExited, kCancelled, kTimedOut, kOutOfMemory };

  AttemptKey key;
  Kind kind = Kind::kRunning;
  int exit_code = 0;
  Why why = Why::kExited;
  int64_t peak_memory = 0;  // bytes
  double cpu_seconds = 0;
  std::string message;
};

class Engine {
 public:
  using Observer = std::function<void(Observation)>;
  virtual ~Engine() = default;
  // Before anything else; the observer may be called at once.
  virtual Status Open(Observer observer) = 0;
  // Begins an attempt; blocks for milliseconds at most. A failure is observed as kStartFailed.
  virtual void Start(const AttemptSpec& spec) = 0;
  virtual void Stop(const AttemptKey& key) = 0;
  // Finds an attempt whose start was intended before the server's last end, and reports it.
  // `same_boot`: the machine has not been restarted since the intent.
  virtual void Recover(const AttemptKey& key, bool same_boot) = 0;
  // The file of the attempt's output, which may not exist yet.
  virtual std::string LogPath(const AttemptKey& key) const = 0;
};

}  // namespace tatara::jobs
