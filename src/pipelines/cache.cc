#include "pipelines/cache.h"

#include <algorithm>

#include "base/hash.h"
#include "base/yaml.h"
#include "os/files.h"
#include "os/random.h"
#include "pipelines/yaml_text.h"

namespace tatara::pipelines {
namespace {

constexpr uint32_t kObjectMode = 0444;
constexpr uint32_t kFileMode = 0644;
constexpr uint32_t kProgramMode = 0744;  // DVC adds the owner's bit only
constexpr size_t kDigitsMin = 3;

bool IsFolder(const std::string& md5) { return md5.ends_with(".dir"); }

std::string TemporaryBeside(const std::string& path) {
  return path + ".tmp-" + std::to_string(os::RandomU64());
}

// A copy under a temporary name, with its final mode, renamed.
Status CopyInto(const std::string& from, const std::string& to, uint32_t mode) {
  const std::string temporary = TemporaryBeside(to);
  const auto copy = [&]() -> Status {
    TRY(os::CopyFile(from, temporary));
    TRY(os::ChangeMode(temporary, mode));
    return os::Rename(temporary, to);
  };
  Status copied = copy();
  if (!copied) (void)os::RemoveFile(temporary);
  return copied;
}

}  // namespace

std::string Cache::ObjectPath(const std::string& md5, bool legacy) const {
  const std::string root = legacy ? folder_ : folder_ + "/files/md5";
  return root + "/" + md5.substr(0, 2) + "/" + md5.substr(2);
}

bool Cache::HoldsObject(const std::string& md5, bool legacy) const {
  if (md5.size() < kDigitsMin) return false;
  const std::string path = ObjectPath(md5, legacy);
  const auto info = os::Stat(path);
  if (!info) return false;
  if (info->mode == kObjectMode) return true;
  // Somebody may have written into it: DVC looks at the bytes.
  const auto content = ReadContent(path, {.legacy = legacy});
  if (!content || content->md5 != md5.substr(0, md5.find('.'))) return false;
  if (os::File file = os::File::OpenRead(path).value_or(os::File());
      file.is_open() && file.Sync()) {
    (void)os::ChangeMode(path, kObjectMode);
  }
  return true;
}

bool Cache::Holds(const std::string& md5, bool legacy) const {
  if (!HoldsObject(md5, legacy)) return false;
  if (!IsFolder(md5)) return true;
  const auto text = os::ReadFile(ObjectPath(md5, legacy));
  if (!text) return false;
  const auto tree = ParseTree(*text);
  return tree && std::ranges::all_of(
                     *tree, [&](const TreeFile& file) { return HoldsObject(file.md5, legacy); });
}

Status Cache::AddFile(const std::string& path, const std::string& md5, Unsynced& unsynced) const {
  if (HoldsObject(md5, false)) return {};
  const std::string object = ObjectPath(md5, false);
  TRY(os::MakeFolders(os::ParentOf(object)));
  TRY(CopyInto(path, object, kFileMode));
  unsynced.AddObject(object);
  return {};
}

Status Cache::Add(const std::string& path, const Content& content, Unsynced& unsynced) const {
  unsynced.AddFolder(folder_);
  if (!content.file_count) return AddFile(path, content.md5, unsynced);
  for (const TreeFile& file : content.tree) {
    TRY(AddFile(path + "/" + file.path, file.md5, unsynced));
  }
  if (HoldsObject(content.md5, false)) return {};
  const std::string object = ObjectPath(content.md5, false);
  TRY(os::MakeFolders(os::ParentOf(object)));
  TRY(os::WriteFile(object, TreeText(content.tree), kFileMode));
  unsynced.AddObject(object);
  return {};
}

Status Cache::CheckOutFile(const std::string& md5, bool legacy, const std::string& path,
                           bool executable) const {
  TRY(os::MakeFolders(os::ParentOf(path)));
  return CopyInto(ObjectPath(md5, legacy), path, executable ? kProgramMode : kFileMode);
}

Status Cache::CheckOut(const LockItem& item, const std::string& path) const {
  TRY(os::RemoveTree(path));
  if (!IsFolder(item.md5)) return CheckOutFile(item.md5, item.legacy, path, item.executable);
  const std::string text = TRY(os::ReadFile(ObjectPath(item.md5, item.legacy)));
  TRY(os::MakeFolders(path));
  const std::vector<TreeFile> tree = TRY(ParseTree(text));
  for (const TreeFile& file : tree) {
    TRY(CheckOutFile(file.md5, item.legacy, path + "/" + file.path, false));
  }
  return {};
}

std::optional<LockEntry> Cache::FindRun(const LockEntry& entry) const {
  const std::string key = RunCacheKey(entry);
  const std::string folder = folder_ + "/runs/" + key.substr(0, 2) + "/" + key;
  const auto names = os::ListFolder(folder);
  if (!names) return {};
  std::string newest;
  int64_t newest_time = INT64_MIN;
  for (const std::string& name : *names) {
    const auto info = os::Stat(folder + "/" + name);
    if (!info || info->modified_ns <= newest_time || name.find('.') != std::string::npos) continue;
    newest = name;
    newest_time = info->modified_ns;
  }
  const auto text = os::ReadFile(folder + "/" + newest);
  if (newest.empty() || !text) return {};
  const auto node = ParseYaml(*text);
  if (!node) return {};
  auto found = ParseLockEntry(*node);
  if (!found) return {};
  return *std::move(found);
}

Status Cache::AddRun(const LockEntry& entry) const {
  const std::string key = RunCacheKey(entry);
  const std::string folder = folder_ + "/runs/" + key.substr(0, 2) + "/" + key;
  const std::string path = folder + "/" + RunCacheValue(entry);
  if (os::Exists(path)) return {};
  TRY(os::MakeFolders(folder));
  return os::WriteFile(path, YamlText(ToValue(entry)));
}

}  // namespace tatara::pipelines
