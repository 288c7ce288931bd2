#include "net/pipe.h"

#include <algorithm>
#include <cstring>

namespace tatara::net {

size_t BodyPipe::Room() {
  std::lock_guard lock(mutex_);
  const size_t used = bytes_.size() - taken_;
  room_wanted_ = used >= kBytesMax;
  return kBytesMax - std::min(used, kBytesMax);
}

void BodyPipe::Write(std::string_view bytes) {
  {
    std::lock_guard lock(mutex_);
    if (reader_gone_) return;
    if (taken_ > 0) {
      bytes_.erase(0, taken_);
      taken_ = 0;
    }
    bytes_ += bytes;
  }
  change_.notify_one();
}

void BodyPipe::End() {
  {
    std::lock_guard lock(mutex_);
    ended_ = true;
  }
  change_.notify_one();
}

void BodyPipe::Fail(Error error) {
  {
    std::lock_guard lock(mutex_);
    if (ended_ || failed_) return;
    failed_ = true;
    error_ = std::move(error);
  }
  change_.notify_one();
}

bool BodyPipe::HasReader() {
  std::lock_guard lock(mutex_);
  return !reader_gone_;
}

Result<size_t> BodyPipe::Read(std::span<char> buffer) {
  bool tell = false;
  size_t count = 0;
  {
    std::unique_lock lock(mutex_);
    change_.wait(lock, [this] { return taken_ < bytes_.size() || ended_ || failed_; });
    if (failed_) return std::unexpected(error_);
    count = std::min(buffer.size(), bytes_.size() - taken_);
    std::memcpy(buffer.data(), bytes_.data() + taken_, count);
    taken_ += count;
    tell = room_wanted_ && bytes_.size() - taken_ <= kBytesMax / 2;
    if (tell) room_wanted_ = false;
  }
  if (tell) on_room_();
  return count;
}

void BodyPipe::ReaderGone() {
  {
    std::lock_guard lock(mutex_);
    reader_gone_ = true;
    bytes_.clear();
    taken_ = 0;
    room_wanted_ = false;
  }
  on_room_();
}

}  // namespace tatara::net
