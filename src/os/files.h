// Files with the promises that a platform needs: whole or not there, on the disk before we say so.
// Paths are UTF-8 text. Errors name the path and the system's reason; a full disk is kExhausted,
// a missing file kNotFound. Thread-safe unless said otherwise.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"

namespace tatara::os {

// The error for `errno` after `what` ("write", "open") on `path`.
Error SystemError(std::string_view what, const std::string& path, int error_number);

struct FileInfo {
  enum class Kind { kFile, kDirectory, kLink, kOther };
  Kind kind = Kind::kFile;
  int64_t size = 0;
  int64_t modified_ns = 0;  // since 1970
  uint64_t inode = 0;
  uint64_t device = 0;
  uint32_t mode = 0;  // permission bits
};

std::string JoinPath(std::string_view folder, std::string_view name);
std::string ParentOf(std::string_view path);  // "." when there is none
std::string NameOf(std::string_view path);
std::string AbsolutePath(std::string_view path);  // against the working directory, normalised

bool Exists(const std::string& path);
Result<FileInfo> Stat(const std::string& path);                        // follows links
Result<FileInfo> StatLink(const std::string& path);                    // does not
Result<std::vector<std::string>> ListFolder(const std::string& path);  // names, sorted
// Calls fn(path relative to `root`, info) for all below root, folders before their content,
// sorted; links are not followed. An error of fn ends the walk.
Status Walk(const std::string& root,
            const std::function<Status(const std::string&, const FileInfo&)>& fn);

Result<std::string> ReadFile(const std::string& path, int64_t size_max = 1LL << 31);
// To its end, be it a file, a pipe or a socket (which /dev/stdin does not open).
Result<std::string> ReadStandardInput(int64_t size_max = 1LL << 31);
// Temporary name in the same folder, fsync, rename, fsync of the folder: after success the file is
// whole and durable; after an error the old one stands as it was.
Status WriteFileDurably(const std::string& path, std::string_view bytes, uint32_t mode = 0644);
// The same without the fsyncs, for what can be made again.
Status WriteFile(const std::string& path, std::string_view bytes, uint32_t mode = 0644);
Status MakeFolders(const std::string& path, uint32_t mode = 0755);
Status Rename(const std::string& from, const std::string& to);
Status RemoveFile(const std::string& path);  // absent is fine
Status RemoveTree(const std::string& path);  // absent is fine
Status SyncFolder(const std::string& path);
// All that was written to the file system that holds `path`, by anybody, is on the disk.
Status SyncFileSystem(const std::string& path);
Status CopyFile(const std::string& from, const std::string& to);
Status ChangeMode(const std::string& path, uint32_t mode);  // permission bits
Result<int64_t> FreeBytes(const std::string& path);

// An open file; closes itself. One thread at a time.
class File {
 public:
  File() = default;
  ~File();
  File(File&& other) noexcept;
  File& operator=(File&& other) noexcept;
  static Result<File> OpenRead(const std::string& path);
  static Result<File> StandardInput();                      // a descriptor of its own
  static Result<File> OpenAppend(const std::string& path);  // made if absent
  static Result<File> Create(const std::string& path, uint32_t mode = 0644);  // truncates
  static Result<File> CreateNew(const std::string& path,
                                uint32_t mode = 0644);  // O_EXCL: kConflict

  bool is_open() const { return fd_ >= 0; }
  int fd() const { return fd_; }
  Result<size_t> Read(std::span<char> buffer);  // 0 at the end
  Result<size_t> ReadAt(int64_t offset, std::span<char> buffer);
  Status Write(std::string_view bytes);
  Result<int64_t> Size() const;
  Status Sync();  // fdatasync
  Status Truncate(int64_t size);
  void Close();

 private:
  explicit File(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}
  int fd_ = -1;
  std::string path_;
};

// An exclusive advisory lock on a file, held until destruction or the process's end.
class FileLock {
 public:
  FileLock() = default;
  ~FileLock();
  FileLock(FileLock&& other) noexcept;
  FileLock& operator=(FileLock&& other) noexcept;
  // kConflict when somebody holds it.
  static Result<FileLock> TryLock(const std::string& path);
  // True when somebody (also this process) holds the lock.
  static bool IsHeld(const std::string& path);

 private:
  int fd_ = -1;
};

}  // namespace tatara::os
