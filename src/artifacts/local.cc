// The artifact store on a folder. Uploads grow in `.incoming` on the same file system and are
// renamed into place, so that a listing never shows them.
#include <atomic>
#include <mutex>

#include "artifacts/artifacts.h"
#include "base/strings.h"
#include "os/files.h"
#include "os/random.h"

namespace tatara::artifacts {
namespace {

constexpr std::string_view kIncoming = ".incoming";
constexpr size_t kWritePieceBytes = 256 << 10;

class LocalStore;

class LocalWriter : public Writer {
 public:
  LocalWriter(LocalStore& store, os::File file, std::string temporary, std::string path)
      : store_(store),
        file_(std::move(file)),
        temporary_(std::move(temporary)),
        path_(std::move(path)) {}
  ~LocalWriter() override {
    if (!committed_) (void)os::RemoveFile(temporary_);
  }

  Status Write(std::string_view bytes) override {
    if (buffer_.empty() && bytes.size() >= kWritePieceBytes) return file_.Write(bytes);
    buffer_.append(bytes);
    return buffer_.size() >= kWritePieceBytes ? Flush() : Status();
  }
  Status Commit() override;

 private:
  Status Flush() {
    TRY(file_.Write(buffer_));
    buffer_.clear();
    return {};
  }

  LocalStore& store_;
  os::File file_;
  std::string temporary_;
  std::string path_;  // clean, relative
  std::string buffer_;
  bool committed_ = false;
};

class LocalReader : public Reader {
 public:
  LocalReader(os::File file, int64_t size) : file_(std::move(file)), size_(size) {}
  int64_t size() const override { return size_; }
  Result<size_t> Read(std::span<char> buffer) override {
    const size_t got = TRY(file_.ReadAt(offset_, buffer));
    offset_ += static_cast<int64_t>(got);
    return got;
  }
  Status Seek(int64_t offset) override {
    if (offset < 0 || offset > size_) return Invalid("seek beyond the end of an artifact");
    offset_ = offset;
    return {};
  }

 private:
  os::File file_;
  int64_t size_;
  int64_t offset_ = 0;
};

class LocalStore : public Store {
 public:
  explicit LocalStore(std::string root) : root_(std::move(root)) {}

  Result<std::unique_ptr<Writer>> Put(std::string_view path) override {
    std::string clean = TRY(Clean(path));
    TRY(CheckPlace(clean));
    std::string temporary =
        os::JoinPath(os::JoinPath(root_, kIncoming), ToHexId(os::RandomU64(), os::RandomU64()));
    auto file = TRY(os::File::CreateNew(temporary));
    return std::unique_ptr<Writer>(std::make_unique<LocalWriter>(
        *this, std::move(file), std::move(temporary), std::move(clean)));
  }

  Result<std::unique_ptr<Reader>> Get(std::string_view path) override {
    const std::string clean = TRY(Clean(path));
    const auto info = TRY(StatLocal(clean));
    if (info.kind != os::FileInfo::Kind::kFile) return Missing(clean);
    auto file = TRY(os::File::OpenRead(Local(clean)));
    const int64_t size = TRY(file.Size());
    return std::unique_ptr<Reader>(std::make_unique<LocalReader>(std::move(file), size));
  }

  Result<Entry> Stat(std::string_view path) override {
    const std::string clean = TRY(Clean(path, true));
    const auto info = TRY(StatLocal(clean));
    const bool folder = info.kind == os::FileInfo::Kind::kDirectory;
    return Entry{os::NameOf(clean), folder, folder ? 0 : info.size};
  }

  Result<std::vector<Entry>> List(std::string_view path) override {
    const std::string clean = TRY(Clean(path, true));
    std::vector<Entry> entries;
    const auto info = os::Stat(Local(clean));
    if (!info || info->kind != os::FileInfo::Kind::kDirectory) return entries;
    auto names = TRY(os::ListFolder(Local(clean)));
    for (auto& name : names) {
      if (clean.empty() && name == kIncoming) continue;
      const auto child = os::Stat(os::JoinPath(Local(clean), name));
      if (!child) continue;  // gone meanwhile
      const bool folder = child->kind == os::FileInfo::Kind::kDirectory;
      entries.push_back({std::move(name), folder, folder ? 0 : child->size});
    }
    return entries;
  }

  Status Delete(std::string_view path) override {
    const std::string clean = TRY(Clean(path));
    const auto info = TRY(StatLocal(clean));
    const bool folder = info.kind == os::FileInfo::Kind::kDirectory;
    TRY(folder ? os::RemoveTree(Local(clean)) : os::RemoveFile(Local(clean)));
    return os::SyncFolder(os::ParentOf(Local(clean)));
  }

  std::optional<std::string> LocalPath(std::string_view path) override {
    auto clean = Clean(path, true);
    if (!clean) return std::nullopt;
    return Local(*clean);
  }

  // Brings a finished upload to its place, durably.
  Status Place(const std::string& temporary, const std::string& clean) {
    TRY(CheckPlace(clean));
    const std::string target = Local(clean);
    TRY(MakeFolders(os::ParentOf(target)));
    TRY(os::Rename(temporary, target));
    return os::SyncFolder(os::ParentOf(target));
  }

 private:
  static std::string ToHexId(uint64_t a, uint64_t b) {
    return std::to_string(a) + "-" + std::to_string(b);
  }
  std::string Local(const std::string& clean) const {
    return clean.empty() ? root_ : os::JoinPath(root_, clean);
  }
  static std::unexpected<Error> Missing(const std::string& clean) {
    return NotFound("No such artifact: '" + clean + "'");
  }

  Result<std::string> Clean(std::string_view path, bool allow_root = false) const {
    std::string clean = TRY(CleanPath(path, allow_root));
    if (clean == kIncoming || clean.starts_with(std::string(kIncoming) + "/")) {
      return Invalid("Invalid path: '" + clean + "' is reserved");
    }
    return clean;
  }

  Result<os::FileInfo> StatLocal(const std::string& clean) const {
    auto info = os::Stat(Local(clean));
    // "a/b" where a is a file is ENOTDIR for the system: for the caller it is not there either.
    if (!info) return Missing(clean);
    return info;
  }

  // That no folder stands at the path, and no file where one of its folders must be.
  Status CheckPlace(const std::string& clean) const {
    const auto here = os::Stat(Local(clean));
    if (here && here->kind == os::FileInfo::Kind::kDirectory) {
      return Invalid("Invalid path: '" + clean + "' is a folder");
    }
    for (size_t at = clean.find('/'); at != std::string::npos; at = clean.find('/', at + 1)) {
      const auto info = os::Stat(Local(clean.substr(0, at)));
      if (!info) break;
      if (info->kind != os::FileInfo::Kind::kDirectory) {
        return Invalid("Invalid path: '" + clean.substr(0, at) + "' is a file, not a folder");
      }
    }
    return {};
  }

  // Under one lock, so that a folder which an upload finds is on the disk already.
  Status MakeFolders(const std::string& folder) {
    const std::lock_guard lock(folders_mutex_);
    std::vector<std::string> missing;
    std::string at = folder;
    while (at.size() > root_.size() && !os::Exists(at)) {
      missing.push_back(at);
      at = os::ParentOf(at);
    }
    if (missing.empty()) return {};
    TRY(os::MakeFolders(folder));
    for (const auto& made : missing) TRY(os::SyncFolder(os::ParentOf(made)));
    return {};
  }

  std::string root_;
  std::mutex folders_mutex_;
};

Status LocalWriter::Commit() {
  CHECK(!committed_);
  TRY(Flush());
  TRY(file_.Sync());
  file_.Close();
  TRY(store_.Place(temporary_, path_));
  committed_ = true;
  return {};
}

}  // namespace

Result<std::unique_ptr<Store>> OpenLocalStore(const std::string& folder) {
  const std::string root = os::AbsolutePath(folder);
  const std::string incoming = os::JoinPath(root, kIncoming);
  TRY(os::RemoveTree(incoming));
  TRY(os::MakeFolders(incoming));
  TRY(os::SyncFolder(root));
  TRY(os::SyncFolder(os::ParentOf(root)));
  return std::unique_ptr<Store>(std::make_unique<LocalStore>(root));
}

}  // namespace tatara::artifacts
