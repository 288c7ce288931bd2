#include "os/files.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "os/random.h"

namespace tatara::os {
namespace {

FileInfo ToInfo(const struct stat& st) {
  FileInfo info;
  info.kind = S_ISREG(st.st_mode)   ? FileInfo::Kind::kFile
              : S_ISDIR(st.st_mode) ? FileInfo::Kind::kDirectory
              : S_ISLNK(st.st_mode) ? FileInfo::Kind::kLink
                                    : FileInfo::Kind::kOther;
  info.size = st.st_size;
  info.modified_ns = st.st_mtim.tv_sec * 1'000'000'000LL + st.st_mtim.tv_nsec;
  info.inode = st.st_ino;
  info.device = st.st_dev;
  info.mode = st.st_mode & 07777;
  return info;
}

std::unexpected<Error> Failed(std::string_view what, const std::string& path) {
  return std::unexpected(SystemError(what, path, errno));
}

Status WriteThroughTemporary(const std::string& path, std::string_view bytes, uint32_t mode,
                             bool durable) {
  const std::string temporary = path + ".tmp-" + std::to_string(RandomU64());
  auto write = [&]() -> Status {
    File file = TRY(File::CreateNew(temporary, mode));
    TRY(file.Write(bytes));
    if (durable) TRY(file.Sync());
    file.Close();
    return Rename(temporary, path);
  };
  if (Status status = write(); !status) {
    ::unlink(temporary.c_str());
    return status;
  }
  return durable ? SyncFolder(ParentOf(path)) : Status{};
}

}  // namespace

Error SystemError(std::string_view what, const std::string& path, int error_number) {
  const std::string message = "cannot " + std::string(what) + " " + path + ": " +
                              std::generic_category().message(error_number);
  switch (error_number) {
    case ENOENT:
    case ENOTDIR:
      return {Code::kNotFound, message};
    case EEXIST:
      return {Code::kConflict, message};
    case EACCES:
    case EPERM:
    case EROFS:
      return {Code::kDenied, message};
    case ENOSPC:
    case EDQUOT:
    case EMFILE:
    case ENFILE:
      return {Code::kExhausted, message};
    case EISDIR:
    case ENAMETOOLONG:
    case ELOOP:
      return {Code::kInvalid, message};
    default:
      return {Code::kInternal, message};
  }
}

std::string JoinPath(std::string_view folder, std::string_view name) {
  if (folder.empty() || name.starts_with('/')) return std::string(name);
  std::string out(folder);
  if (!out.ends_with('/')) out += '/';
  return out + std::string(name);
}

std::string ParentOf(std::string_view path) {
  while (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
  const size_t slash = path.rfind('/');
  if (slash == std::string_view::npos) return ".";
  return std::string(path.substr(0, std::max<size_t>(slash, 1)));
}

std::string NameOf(std::string_view path) {
  while (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
  return std::string(path.substr(path.rfind('/') + 1));
}

std::string AbsolutePath(std::string_view path) {
  std::error_code error;
  std::string out =
      std::filesystem::absolute(std::filesystem::path(path), error).lexically_normal().string();
  while (out.size() > 1 && out.ends_with('/')) out.pop_back();
  return out;
}

bool Exists(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

Result<FileInfo> Stat(const std::string& path) {
  struct stat st;
  if (::stat(path.c_str(), &st) != 0) return Failed("read", path);
  return ToInfo(st);
}

Result<FileInfo> StatLink(const std::string& path) {
  struct stat st;
  if (::lstat(path.c_str(), &st) != 0) return Failed("read", path);
  return ToInfo(st);
}

Result<std::vector<std::string>> ListFolder(const std::string& path) {
  DIR* dir = ::opendir(path.c_str());
  if (dir == nullptr) return Failed("list", path);
  std::vector<std::string> names;
  while (const dirent* entry = ::readdir(dir)) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  ::closedir(dir);
  std::ranges::sort(names);
  return names;
}

namespace {

Status WalkBelow(const std::string& root, const std::string& relative,
                 const std::function<Status(const std::string&, const FileInfo&)>& fn) {
  const std::string folder = relative.empty() ? root : JoinPath(root, relative);
  for (const std::string& name : TRY(ListFolder(folder))) {
    const std::string path = relative.empty() ? name : JoinPath(relative, name);
    auto info = StatLink(JoinPath(root, path));
    if (!info) {
      if (info.error().code == Code::kNotFound) continue;  // removed while we walk
      return std::unexpected(info.error());
    }
    TRY(fn(path, *info));
    if (info->kind == FileInfo::Kind::kDirectory) TRY(WalkBelow(root, path, fn));
  }
  return {};
}

}  // namespace

Status Walk(const std::string& root,
            const std::function<Status(const std::string&, const FileInfo&)>& fn) {
  return WalkBelow(root, "", fn);
}

namespace {

Result<std::string> ReadAll(File& file, const std::string& path, int64_t size_max) {
  const int64_t size = TRY(file.Size());
  if (size > size_max) {
    return Exhausted(path + " has " + std::to_string(size) + " bytes; at most " +
                     std::to_string(size_max) + " are read");
  }
  std::string out;
  out.resize(static_cast<size_t>(size));
  size_t filled = 0;
  for (;;) {
    if (filled == out.size()) out.resize(out.size() + 4096);
    const size_t got = TRY(file.Read({out.data() + filled, out.size() - filled}));
    if (got == 0) break;
    filled += got;
    if (static_cast<int64_t>(filled) > size_max) return Exhausted(path + " grows while it is read");
  }
  out.resize(filled);
  return out;
}

}  // namespace

Result<std::string> ReadFile(const std::string& path, int64_t size_max) {
  File file = TRY(File::OpenRead(path));
  return ReadAll(file, path, size_max);
}

Result<std::string> ReadStandardInput(int64_t size_max) {
  File file = TRY(File::StandardInput());
  return ReadAll(file, "standard input", size_max);
}

Status WriteFileDurably(const std::string& path, std::string_view bytes, uint32_t mode) {
  return WriteThroughTemporary(path, bytes, mode, true);
}

Status WriteFile(const std::string& path, std::string_view bytes, uint32_t mode) {
  return WriteThroughTemporary(path, bytes, mode, false);
}

Status MakeFolders(const std::string& path, uint32_t mode) {
  if (path.empty()) return {};
  if (::mkdir(path.c_str(), mode) == 0) return {};
  if (errno == EEXIST) {
    struct stat st;
    if (::stat(path.c_str(), &st) == 0 && S_ISDIR(st.st_mode)) return {};
    errno = ENOTDIR;
    return Failed("make folder", path);
  }
  if (errno != ENOENT) return Failed("make folder", path);
  TRY(MakeFolders(ParentOf(path), mode));
  if (::mkdir(path.c_str(), mode) != 0 && errno != EEXIST) return Failed("make folder", path);
  return {};
}

Status Rename(const std::string& from, const std::string& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) return Failed("rename " + from + " to", to);
  return {};
}

Status RemoveFile(const std::string& path) {
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) return Failed("remove", path);
  return {};
}

Status RemoveTree(const std::string& path) {
  std::error_code error;
  std::filesystem::remove_all(path, error);
  if (error) return std::unexpected(SystemError("remove", path, error.value()));
  return {};
}

namespace {

Status SyncThrough(const std::string& path, int flags, int (*sync)(int)) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | flags);
  if (fd < 0) return Failed("open", path);
  const int failed = sync(fd);
  const int error_number = errno;
  ::close(fd);
  if (failed != 0) return std::unexpected(SystemError("sync", path, error_number));
  return {};
}

}  // namespace

Status SyncFolder(const std::string& path) { return SyncThrough(path, O_DIRECTORY, ::fsync); }

Status SyncFileSystem(const std::string& path) { return SyncThrough(path, 0, ::syncfs); }

Status CopyFile(const std::string& from, const std::string& to) {
  File source = TRY(File::OpenRead(from));
  struct stat st;
  if (::fstat(source.fd(), &st) != 0) return Failed("read", from);
  File target = TRY(File::Create(to, st.st_mode & 0777));
  for (;;) {
    const ssize_t copied =
        ::copy_file_range(source.fd(), nullptr, target.fd(), nullptr, 1 << 30, 0);
    if (copied == 0) return {};
    if (copied > 0) continue;
    if (errno == EINTR) continue;
    if (errno != EXDEV && errno != EINVAL && errno != ENOSYS) return Failed("write", to);
    break;  // not between these file systems: by hand
  }
  std::string buffer(1 << 18, '\0');
  for (;;) {
    const size_t got = TRY(source.Read(buffer));
    if (got == 0) return {};
    TRY(target.Write({buffer.data(), got}));
  }
}

Status ChangeMode(const std::string& path, uint32_t mode) {
  if (::chmod(path.c_str(), mode) != 0) return Failed("change the mode of", path);
  return {};
}

Result<int64_t> FreeBytes(const std::string& path) {
  struct statvfs info;
  if (::statvfs(path.c_str(), &info) != 0) return Failed("read", path);
  return static_cast<int64_t>(info.f_bavail) * static_cast<int64_t>(info.f_frsize);
}

File::~File() { Close(); }
File::File(File&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), path_(std::move(other.path_)) {}
File& File::operator=(File&& other) noexcept {
  if (this != &other) {
    Close();
    fd_ = std::exchange(other.fd_, -1);
    path_ = std::move(other.path_);
  }
  return *this;
}

void File::Close() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

namespace {

Result<int> Open(const std::string& path, int flags, uint32_t mode, std::string_view what) {
  int fd;
  do {
    fd = ::open(path.c_str(), flags | O_CLOEXEC, mode);
  } while (fd < 0 && errno == EINTR);
  if (fd < 0) return Failed(what, path);
  return fd;
}

}  // namespace

Result<File> File::OpenRead(const std::string& path) {
  File file(TRY(Open(path, O_RDONLY, 0, "open")), path);
  struct stat st;
  if (::fstat(file.fd_, &st) == 0 && S_ISDIR(st.st_mode)) {
    errno = EISDIR;
    return Failed("read", path);
  }
  return file;
}
Result<File> File::StandardInput() {
  const int fd = ::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0);
  if (fd < 0) return Failed("read", "standard input");
  return File(fd, "standard input");
}
Result<File> File::OpenAppend(const std::string& path) {
  return File(TRY(Open(path, O_WRONLY | O_CREAT | O_APPEND, 0644, "open")), path);
}
Result<File> File::Create(const std::string& path, uint32_t mode) {
  return File(TRY(Open(path, O_WRONLY | O_CREAT | O_TRUNC, mode, "create")), path);
}
Result<File> File::CreateNew(const std::string& path, uint32_t mode) {
  return File(TRY(Open(path, O_WRONLY | O_CREAT | O_EXCL, mode, "create")), path);
}

Result<size_t> File::Read(std::span<char> buffer) {
  ssize_t got;
  do {
    got = ::read(fd_, buffer.data(), buffer.size());
  } while (got < 0 && errno == EINTR);
  if (got < 0) return Failed("read", path_);
  return static_cast<size_t>(got);
}

Result<size_t> File::ReadAt(int64_t offset, std::span<char> buffer) {
  ssize_t got;
  do {
    got = ::pread(fd_, buffer.data(), buffer.size(), offset);
  } while (got < 0 && errno == EINTR);
  if (got < 0) return Failed("read", path_);
  return static_cast<size_t>(got);
}

Status File::Write(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd_, bytes.data(), bytes.size());
    if (written < 0) {
      if (errno == EINTR) continue;
      return Failed("write", path_);
    }
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return {};
}

Result<int64_t> File::Size() const {
  struct stat st;
  if (::fstat(fd_, &st) != 0) return Failed("read", path_);
  return st.st_size;
}

Status File::Sync() {
  if (::fdatasync(fd_) != 0) return Failed("sync", path_);
  return {};
}

Status File::Truncate(int64_t size) {
  if (::ftruncate(fd_, size) != 0) return Failed("truncate", path_);
  return {};
}

FileLock::~FileLock() {
  if (fd_ >= 0) ::close(fd_);
}
FileLock::FileLock(FileLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
FileLock& FileLock::operator=(FileLock&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

Result<FileLock> FileLock::TryLock(const std::string& path) {
  FileLock lock;
  lock.fd_ = TRY(Open(path, O_RDWR | O_CREAT, 0600, "open"));
  if (::flock(lock.fd_, LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) return Conflict(path + " is locked by another process");
    return Failed("lock", path);
  }
  return lock;
}

bool FileLock::IsHeld(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
  if (fd < 0) return false;
  const bool held = ::flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
  ::close(fd);
  return held;
}

}  // namespace tatara::os
