#include "pipelines/content.h"

#include <algorithm>

#include "base/hash.h"
#include "base/json.h"
#include "base/strings.h"
#include "os/clock.h"
#include "pipelines/value.h"

namespace tatara::pipelines {
namespace {

constexpr int64_t kSettledNs = 50'000'000;   // more than a file system's tick of time
constexpr int64_t kStoredSizeMin = 1 << 20;  // smaller ones are read again faster than stored
constexpr size_t kBlock = 1 << 20, kBlockMin = 1 << 12;
constexpr int kDepthMax = 200;

Result<std::string> Md5OfFile(const std::string& path, int64_t size) {
  os::File file = TRY(os::File::OpenRead(path));
  Hasher hasher(HashKind::kMd5);
  // One byte more than the file, so that one read often meets its end; it may have grown, too.
  std::string buffer(std::clamp<size_t>(static_cast<size_t>(size) + 1, kBlockMin, kBlock), '\0');
  for (;;) {
    const size_t got = TRY(file.Read(buffer));
    if (got == 0) return hasher.Finish();
    hasher.Update({buffer.data(), got});
  }
}

Result<std::string> LegacyMd5OfFile(const std::string& path) {
  const std::string bytes = TRY(os::ReadFile(path));
  constexpr size_t kLookedAt = 512;
  if (!LooksLikeText(std::string_view(bytes).substr(0, kLookedAt))) return Md5(bytes);
  return Md5(ReplaceAll(bytes, "\r\n", "\n"));
}

Result<std::string> DigestOf(const std::string& path, const os::FileInfo& info,
                             const ContentOptions& options) {
  if (options.legacy) return LegacyMd5OfFile(path);
  if (options.digests != nullptr) {
    if (auto known = options.digests->Find(info)) return *known;
  }
  std::string md5 = TRY(Md5OfFile(path, info.size));
  if (options.digests != nullptr) {
    const os::FileInfo after = TRY(os::Stat(path));
    const int64_t now = ToMicros(os::RealClock().Now()) * 1000;
    if (after.modified_ns == info.modified_ns && after.size == info.size &&
        now - info.modified_ns > kSettledNs) {
      options.digests->Put(info, md5);
    }
  }
  return md5;
}

Status ReadFolder(const std::string& root, const std::string& prefix, int depth,
                  const ContentOptions& options, Content& out) {
  if (depth > kDepthMax) return Invalid("the folder " + root + " is nested too deeply");
  const std::string folder = prefix.empty() ? root : root + "/" + prefix;
  for (const std::string& name : TRY(os::ListFolder(folder))) {
    const std::string path = folder + "/" + name;
    const std::string relative = prefix.empty() ? name : prefix + "/" + name;
    const os::FileInfo info = TRY(os::Stat(path));
    const bool is_folder = info.kind == os::FileInfo::Kind::kDirectory;
    if (options.ignore != nullptr && options.ignore->Ignored(path, is_folder)) continue;
    if (is_folder) {
      TRY(ReadFolder(root, relative, depth + 1, options, out));
      continue;
    }
    out.size += info.size;
    out.tree.push_back({relative, TRY(DigestOf(path, info, options))});
  }
  return {};
}

}  // namespace

std::optional<std::string> Digests::Find(const os::FileInfo& info) const {
  std::lock_guard lock(mutex_);
  const auto found = entries_.find({info.device, info.inode});
  if (found == entries_.end() || found->second.size != info.size ||
      found->second.modified_ns != info.modified_ns) {
    return {};
  }
  return found->second.md5;
}

void Digests::Put(const os::FileInfo& info, const std::string& md5) {
  std::lock_guard lock(mutex_);
  entries_[{info.device, info.inode}] = {info.size, info.modified_ns, md5};
  if (info.size >= kStoredSizeMin) {
    new_.push_back({info.device, info.inode, info.size, info.modified_ns, md5});
  }
}

void Digests::Load(const Known& known) {
  std::lock_guard lock(mutex_);
  entries_[{known.device, known.inode}] = {known.size, known.modified_ns, known.md5};
}

std::vector<Digests::Known> Digests::TakeNew() {
  std::lock_guard lock(mutex_);
  return std::exchange(new_, {});
}

Result<Content> ReadContent(const std::string& path, const ContentOptions& options) {
  const os::FileInfo info = TRY(os::Stat(path));
  Content out;
  if (info.kind == os::FileInfo::Kind::kDirectory) {
    TRY(ReadFolder(path, "", 0, options, out));
    std::ranges::sort(out.tree, {}, &TreeFile::path);
    out.file_count = static_cast<int64_t>(out.tree.size());
    out.md5 = Md5(TreeText(out.tree)) + ".dir";
    return out;
  }
  if (info.kind != os::FileInfo::Kind::kFile) {
    return Invalid(path + " is neither a file nor a folder");
  }
  constexpr uint32_t kOwnerMayExecute = 0100;
  out.md5 = TRY(DigestOf(path, info, options));
  out.size = info.size;
  out.executable = (info.mode & kOwnerMayExecute) != 0;
  return out;
}

std::string TreeText(const std::vector<TreeFile>& tree) {
  Value::List list;
  for (const TreeFile& file : tree) {
    list.push_back(Value::Map{{"md5", Value(file.md5)}, {"relpath", Value(file.path)}});
  }
  return PythonJson(Value(std::move(list)));
}

Result<std::vector<TreeFile>> ParseTree(const std::string& text) {
  const Json json = TRY(ParseJson(text));
  if (!json.IsArray()) return Invalid("a folder's list in the cache is no list");
  std::vector<TreeFile> tree;
  for (const Json& item : json.AsArray()) {
    tree.push_back({TRY(item.GetString("relpath")), TRY(item.GetString("md5"))});
    const std::string& path = tree.back().path;
    // What is checked out must stay inside the folder.
    if (path.empty() || path.starts_with('/') || path == ".." || path.starts_with("../") ||
        path.find("/../") != std::string::npos || path.ends_with("/..")) {
      return Invalid("a folder's list in the cache holds the path '" + path + "'");
    }
  }
  return tree;
}

bool LooksLikeText(std::string_view first_bytes) {
  if (first_bytes.empty()) return true;
  if (first_bytes.find('\0') != std::string_view::npos) return false;
  const auto odd = std::ranges::count_if(first_bytes, [](char c) {
    const bool plain =
        (c >= 32 && c < 127) || c == '\n' || c == '\r' || c == '\t' || c == '\f' || c == '\b';
    return !plain;
  });
  return static_cast<double>(odd) / static_cast<double>(first_bytes.size()) <= 0.30;
}

}  // namespace tatara::pipelines
