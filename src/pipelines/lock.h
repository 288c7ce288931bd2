// dvc.lock: what each stage's last run saw and made.
//
// Reading keeps the text of every entry, so that writing changes only the entries that were set:
// they keep their place, new ones go last, those of removed stages stay (as DVC does).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pipelines/value.h"

namespace tatara::pipelines {

struct LockItem {
  std::string path;
  std::string md5;      // empty: none
  bool legacy = false;  // written by DVC 2: no `hash`, md5-dos2unix
  std::optional<int64_t> size;
  std::optional<int64_t> file_count;
  bool executable = false;
};

struct LockEntry {
  Value command;
  std::vector<LockItem> deps;
  Value params = Value::MakeMap();  // file -> {key: value}
  std::vector<LockItem> outs;

  const LockItem* FindDep(std::string_view path) const;
  const LockItem* FindOut(std::string_view path) const;
};

// An entry as DVC writes it; deps, outs and params must be in DVC's order (SortEntry).
Value ToValue(const LockEntry& entry);
Result<LockEntry> ParseLockEntry(const Yaml& node);
void SortEntry(LockEntry& entry);

// Names in the run cache: .dvc/cache/runs/KK/KEY/VALUE. The key leaves out what the stage made.
std::string RunCacheKey(const LockEntry& entry);
std::string RunCacheValue(const LockEntry& entry);

class LockFile {
 public:
  // An empty text is an empty lock. kUnsupported for a schema that is not 2.0.
  static Result<LockFile> Parse(const std::string& text);
  const LockEntry* Find(std::string_view stage) const;
  // A new entry goes last, but before the new ones of a greater order.
  void Set(const std::string& stage, LockEntry entry, size_t order);
  std::string Text() const;

 private:
  struct Part {
    std::string name;
    LockEntry entry;
    std::string text;
    std::optional<size_t> order;  // of an entry that Set has made
  };
  std::string head_ = "schema: '2.0'\nstages:\n";
  std::vector<Part> parts_;
  std::string tail_;
};

}  // namespace tatara::pipelines
