#include "net/pipe.h"

#include <algorithm>
#include <cstring>

namespace tatara::net {
namespace {

constexpr size_t kJoinMax = 16 * 1024;

}  // namespace

size_t BodyPipe::Room() {
  std::lock_guard lock(mutex_);
  room_wanted_ = bytes_ >= kBytesMax;
  return kBytesMax - std::min(bytes_, kBytesMax);
}

void BodyPipe::Write(std::string piece) {
  {
    std::lock_guard lock(mutex_);
    if (reader_gone_) return;
    bytes_ += piece.size();
    // Large pieces move, small ones are joined, so that a slow sender's do not need more memory for
    // their keeping than for their bytes.
    if (!pieces_.empty() && pieces_.back().size() + piece.size() <= kJoinMax)
      pieces_.back() += piece;
    else
      pieces_.push_back(std::move(piece));
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
    change_.wait(lock, [this] { return bytes_ > 0 || ended_ || failed_; });
    if (failed_) return std::unexpected(error_);
    count = std::min(buffer.size(), bytes_);
    Take(buffer.first(count));
    tell = room_wanted_ && bytes_ <= kBytesMax / 2;
    if (tell) room_wanted_ = false;
  }
  if (tell) on_room_();
  return count;
}

void BodyPipe::Take(std::span<char> buffer) {
  bytes_ -= buffer.size();
  while (!buffer.empty()) {
    const std::string& front = pieces_.front();
    const size_t count = std::min(buffer.size(), front.size() - taken_);
    std::memcpy(buffer.data(), front.data() + taken_, count);
    buffer = buffer.subspan(count);
    taken_ += count;
    if (taken_ < front.size()) return;
    pieces_.pop_front();
    taken_ = 0;
  }
}

void BodyPipe::ReaderGone() {
  {
    std::lock_guard lock(mutex_);
    reader_gone_ = true;
    pieces_.clear();
    taken_ = bytes_ = 0;
    room_wanted_ = false;
  }
  on_room_();
}

}  // namespace tatara::net
