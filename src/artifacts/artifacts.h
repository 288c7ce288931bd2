// The door of artifacts: a tree of files under '/'-separated relative paths.
//
// Promises
//  1. A path shows either nothing or a whole file: bytes come under a temporary name and take the
//     path when the writer commits.
//  2. After Commit the file and the folders that lead to it are on the disk (fsync).
//  3. Constant memory in both directions; a file of any size.
//  4. No path leads out of the store (CleanPath).
// Threads: a Store may be used by many at once; a Writer or Reader by one at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace tatara::artifacts {

// The path as the store keeps it: no empty, "." or ".." segment, no leading '/', no NUL or other
// control character, no '\', '#', and none of these hidden behind percent-escapes; kInvalid
// otherwise. Trailing and doubled slashes are dropped. Empty is the root where `allow_root`.
Result<std::string> CleanPath(std::string_view path, bool allow_root = false);

struct Entry {
  std::string name;  // the last segment
  bool folder = false;
  int64_t size = 0;  // of files
};

class Writer {
 public:
  virtual ~Writer() = default;  // without Commit: nothing is left
  virtual Status Write(std::string_view bytes) = 0;
  virtual Status Commit() = 0;  // once, last
};

class Reader {
 public:
  virtual ~Reader() = default;
  virtual int64_t size() const = 0;  // of the whole file
  // Fills up to buffer.size() bytes from the current place; 0 at the end.
  virtual Result<size_t> Read(std::span<char> buffer) = 0;
  virtual Status Seek(int64_t offset) = 0;
};

class Store {
 public:
  virtual ~Store() = default;
  // Replaces what stood there. kConflict: a folder stands there, or a file stands where a folder
  // of the path must be.
  virtual Result<std::unique_ptr<Writer>> Put(std::string_view path) = 0;
  virtual Result<std::unique_ptr<Reader>> Get(std::string_view path) = 0;  // kNotFound
  virtual Result<Entry> Stat(std::string_view path) = 0;                   // kNotFound
  // Sorted by name; empty for what is not there or is a file. "" is the root.
  virtual Result<std::vector<Entry>> List(std::string_view path) = 0;
  // A file, or a folder with all in it; kNotFound when absent. Durable.
  virtual Status Delete(std::string_view path) = 0;
  // The file or folder on this machine, where the store keeps one: for engines that open files by
  // name. Empty for stores that do not.
  virtual std::optional<std::string> LocalPath(std::string_view path) = 0;

  // A small file whole, e.g. an MLmodel. kExhausted above size_max.
  Result<std::string> ReadAll(std::string_view path, int64_t size_max = 16 << 20);
  Status WriteAll(std::string_view path, std::string_view bytes);
};

// Plain files under `folder` (made if absent), which a user may look at. Uploads that a crash cut
// off are swept away here.
Result<std::unique_ptr<Store>> OpenLocalStore(const std::string& folder);

// The store's path of an artifact URI of ours ("mlflow-artifacts:/0/RUN/artifacts/model", also
// with an authority), cleaned; kUnsupported for URIs of other schemes.
Result<std::string> PathOfUri(std::string_view uri);

}  // namespace tatara::artifacts
