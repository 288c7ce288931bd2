#include "pipelines/unsynced.h"

#include <algorithm>
#include <utility>

#include "os/files.h"

namespace tatara::pipelines {
namespace {

constexpr uint32_t kObjectMode = 0444;

}  // namespace

void Unsynced::AddFolder(const std::string& folder) {
  std::lock_guard lock(mutex_);
  any_ = true;
  if (std::ranges::find(folders_, folder) == folders_.end()) folders_.push_back(folder);
}

void Unsynced::AddObject(const std::string& path) {
  std::lock_guard lock(mutex_);
  objects_.push_back(path);
}

bool Unsynced::Due() const {
  std::lock_guard lock(mutex_);
  return any_ && since_.Elapsed() > kSyncEvery;
}

Status Unsynced::Sync() {
  std::vector<std::string> folders, objects;
  {
    std::lock_guard lock(mutex_);
    folders = folders_;
    objects = objects_;
    any_ = false;
    since_.Restart();
  }
  const Status synced = [&]() -> Status {
    for (const std::string& folder : folders) TRY(os::SyncFileSystem(folder));
    return {};
  }();
  std::lock_guard lock(mutex_);
  if (!synced) {
    any_ = true;
    return synced;
  }
  objects_.erase(objects_.begin(), objects_.begin() + static_cast<std::ptrdiff_t>(objects.size()));
  // Who took it for whole meanwhile has protected it already.
  for (const std::string& object : objects) (void)os::ChangeMode(object, kObjectMode);
  return {};
}

}  // namespace tatara::pipelines
