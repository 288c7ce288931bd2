// What is done with one stage on the disk: look whether it changed, take it from the cache, record
// what it made. Blocking; runs on the work pool, everything may be repeated after a crash.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>

#include "pipelines/cache.h"
#include "pipelines/changes.h"
#include "pipelines/content.h"
#include "pipelines/project.h"
#include "pipelines/unsynced.h"

namespace tatara::pipelines {

// The dvc.lock files of a project while a run works on it. Any thread.
class Locks {
 public:
  // The entry of a stage as the file, or Set since, has it.
  Result<std::optional<LockEntry>> Find(const Stage& stage);
  // `order`: new entries of one run stand in the order of their stages, whichever ended first.
  Status Set(const Stage& stage, LockEntry entry, size_t order);
  // Writes the files that Set changed: whole, and on the disk after the next Sync.
  Status Flush();
  Unsynced& unsynced() { return unsynced_; }

 private:
  Result<LockFile*> Open(const std::string& path);

  std::mutex mutex_;
  std::map<std::string, LockFile> files_;
  std::set<std::string> changed_;
  Unsynced unsynced_;
};

struct Verdict {
  enum class Kind {
    kSkip,      // nothing changed
    kRun,       // its command must run; outputs are gone
    kCached,    // its outputs were taken from the cache
    kRecorded,  // frozen, or data: what is there was recorded
    kFailed,
  };
  Kind kind = Kind::kSkip;
  std::string why;  // why it was not skipped; for kFailed what is wrong
};

class StageWork {
 public:
  StageWork(std::shared_ptr<const Project> project, Locks& locks, Digests& digests);

  struct CheckOptions {
    bool force = false;
    bool run_cache = true;
    bool dry = false;  // only say what would be done
    size_t order = 0;  // the stage's place in the run
  };
  Verdict Check(size_t stage, const CheckOptions& options);
  // Records what the stage's command made: outputs into the cache, the run cache, .gitignore and
  // (after Locks::Flush) dvc.lock. `order`: the stage's place in the run.
  Status Commit(size_t stage, size_t order);

 private:
  Result<StageFacts> Gather(const Stage& stage, const LockEntry* entry);
  Result<std::optional<Value>> ParamsOf(const std::string& path);
  Result<LockItem> ReadItem(const std::string& path, const std::string& absolute,
                            const LockItem* old, Content* content);
  Result<LockEntry> ReadInputs(const Stage& stage, const LockEntry* old);
  Result<bool> Restore(const Stage& stage, const LockEntry* entry, const Changes& changes,
                       const CheckOptions& options);
  bool Restorable(const Stage& stage);
  Result<Verdict> DoCheck(const Stage& stage, const CheckOptions& options);
  Status DoCommit(const Stage& stage, size_t order);
  Status RemoveOutputs(const Stage& stage);
  Status AddToGitIgnore(const Output& out);
  Result<std::optional<LockEntry>> EntryOf(const Stage& stage);

  const std::shared_ptr<const Project> project_;
  Locks& locks_;
  Digests& digests_;
  const Cache cache_;
  Ignore dvc_ignore_;
  std::optional<Ignore> git_ignore_;  // made anew when a .gitignore was written
  std::map<std::string, std::optional<Value>> params_;
};

}  // namespace tatara::pipelines
