// What a run has written to a project that the disk may not hold yet.
//
// Files are written whole (renamed into place) as the run goes, which kill -9 cannot harm. They are
// brought to the disk together, by one sync of the file system for many stages: when the last sync
// is more than kSyncEvery ago, and always before the run's end is recorded. Until then an object of
// the cache stays writable: DVC and we look at the bytes of such a one before they believe it, so
// that a power cut leaves nothing that is taken for what it is not. Any thread.
#pragma once

#include <atomic>
#include <chrono>
#include <mutex>
#include <string>
#include <vector>

#include "base/result.h"
#include "os/clock.h"

namespace tatara::pipelines {

class Unsynced {
 public:
  static constexpr std::chrono::seconds kSyncEvery{1};

  // Something was written below `folder`, whose file system must be synced.
  void AddFolder(const std::string& folder);
  // An object of the cache was written; it is protected once it is on the disk.
  void AddObject(const std::string& path);
  bool Any() const { return any_; }
  // The last sync, or the first write since, is longer ago than kSyncEvery.
  bool Due() const;
  Status Sync();

 private:
  mutable std::mutex mutex_;
  std::atomic<bool> any_ = false;
  std::vector<std::string> folders_, objects_;
  os::Stopwatch since_;
};

}  // namespace tatara::pipelines
