// The content of files and folders as DVC sees it: MD5, size, number of files.
//
// A file's digest is remembered by (device, inode) with its size and time of change, so that an
// unchanged file is read once. A file that was changed in the last moment is not remembered: its
// time would not tell a change that follows at once.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "os/files.h"
#include "pipelines/ignore.h"

namespace tatara::pipelines {

// Digests of files that were read before. Any thread.
class Digests {
 public:
  struct Known {
    uint64_t device = 0, inode = 0;
    int64_t size = 0, modified_ns = 0;
    std::string md5;
  };
  std::optional<std::string> Find(const os::FileInfo& info) const;
  void Put(const os::FileInfo& info, const std::string& md5);
  void Load(const Known& known);
  // Large files whose digests are new since the last call, to be stored.
  std::vector<Known> TakeNew();

 private:
  struct Entry {
    int64_t size = 0, modified_ns = 0;
    std::string md5;
  };
  mutable std::mutex mutex_;
  std::map<std::pair<uint64_t, uint64_t>, Entry> entries_;
  std::vector<Known> new_;
};

struct TreeFile {
  std::string path;  // relative to the folder
  std::string md5;
};

struct Content {
  std::string md5;  // of a folder: of its list, with ".dir"
  int64_t size = 0;
  std::optional<int64_t> file_count;  // of a folder
  bool executable = false;
  std::vector<TreeFile> tree;  // of a folder, sorted by path
};

struct ContentOptions {
  Ignore* ignore = nullptr;    // rules inside folders; null: none
  Digests* digests = nullptr;  // null: nothing is remembered
  bool legacy = false;         // DVC 2's md5-dos2unix: line ends of text files do not count
};

// A file's or a folder's content (links are followed). kNotFound when there is nothing.
Result<Content> ReadContent(const std::string& path, const ContentOptions& options);

// The list of a folder as DVC stores it, and back.
std::string TreeText(const std::vector<TreeFile>& tree);
Result<std::vector<TreeFile>> ParseTree(const std::string& text);

// DVC's guess whether a file is text, from its first bytes.
bool LooksLikeText(std::string_view first_bytes);

}  // namespace tatara::pipelines
