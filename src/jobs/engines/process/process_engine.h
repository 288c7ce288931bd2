// Runs attempts as child processes of this machine, each under a runner of its own that outlives
// the server (runner/runner.h). An attempt's files are in FOLDER/JOB/NUMBER/.
//
// Threads: all calls from any thread; one watcher thread waits for the runners' ends by pidfd, so
// that runners of an earlier server are watched like our own children.
#pragma once

#include <map>
#include <mutex>
#include <string>

#include "jobs/engine.h"
#include "os/threads.h"

namespace tatara::jobs {

class ProcessEngine : public Engine {
 public:
  // `folder`: HOME/jobs. `runner`: path of the tatara-runner program.
  ProcessEngine(std::string folder, std::string runner);
  ~ProcessEngine() override;

  Status Open(Observer observer) override;
  void Start(const AttemptSpec& spec) override;
  void Stop(const AttemptKey& key) override;
  void Recover(const AttemptKey& key, bool same_boot) override;
  std::string LogPath(const AttemptKey& key) const override;

 private:
  struct Watched {
    AttemptKey key;
    int pid = 0;
    int pidfd = -1;
    bool stop_wanted = false;
  };

  std::string Folder(const AttemptKey& key) const;
  void Watch(const AttemptKey& key, int pid);
  void WatchLoop();
  void ReportEnd(const Watched& watched);
  void Report(const AttemptKey& key, Observation::Kind kind, std::string message = {});
  void Nudge();

  const std::string folder_;
  const std::string runner_;
  Observer observer_;
  int wake_fd_ = -1;

  std::mutex mutex_;
  std::map<AttemptKey, Watched> watched_;
  bool stopping_ = false;
  os::Thread watcher_;
};

}  // namespace tatara::jobs
