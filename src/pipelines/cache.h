// DVC's cache: objects by their MD5 (files/md5/ab/cdef..., also DVC 2's layout for reading), and
// the run cache (runs/KK/KEY/VALUE).
//
// A read-only object is taken as whole, as DVC does; so one is made read-only only once it is on
// the disk (see unsynced.h). Any thread.
#pragma once

#include <optional>
#include <string>

#include "pipelines/content.h"
#include "pipelines/lock.h"
#include "pipelines/unsynced.h"

namespace tatara::pipelines {

class Cache {
 public:
  explicit Cache(std::string folder) : folder_(std::move(folder)) {}
  const std::string& folder() const { return folder_; }

  // The object is there, of a folder all its files too.
  bool Holds(const std::string& md5, bool legacy) const;
  // Copies a file or folder (with its content as read before) into the cache; it is whole, and on
  // the disk after the next Sync.
  Status Add(const std::string& path, const Content& content, Unsynced& unsynced) const;
  // Makes `path` from the cache, in place of what is there.
  Status CheckOut(const LockItem& item, const std::string& path) const;

  // The newest entry of a key, or nothing.
  std::optional<LockEntry> FindRun(const LockEntry& entry) const;
  Status AddRun(const LockEntry& entry) const;

 private:
  std::string ObjectPath(const std::string& md5, bool legacy) const;
  Status AddFile(const std::string& path, const std::string& md5, Unsynced& unsynced) const;
  Status CheckOutFile(const std::string& md5, bool legacy, const std::string& path,
                      bool executable) const;
  bool HoldsObject(const std::string& md5, bool legacy) const;

  std::string folder_;
};

}  // namespace tatara::pipelines
