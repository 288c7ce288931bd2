// Bytes on their way to a socket, in few large pieces: small ones are joined, large bodies are
// moved in without a copy. Private to net.
#pragma once

#include <sys/uio.h>

#include <deque>
#include <span>
#include <string>
#include <string_view>

namespace tatara::net {

class OutQueue {
 public:
  static constexpr size_t kJoinMax = 16 * 1024;

  bool empty() const { return bytes_ == 0; }
  size_t bytes() const { return bytes_; }

  // A string to append to directly; call Appended after it has grown.
  std::string& Tail() {
    if (pieces_.empty() || pieces_.back().size() >= kJoinMax) pieces_.emplace_back();
    size_before_ = pieces_.back().size();
    return pieces_.back();
  }
  void Appended() { bytes_ += pieces_.back().size() - size_before_; }

  void Append(std::string_view bytes) {
    Tail() += bytes;
    Appended();
  }
  void Take(std::string&& bytes) {
    if (bytes.size() < kJoinMax) return Append(bytes);
    bytes_ += bytes.size();
    pieces_.push_back(std::move(bytes));
  }

  // Describes the front of the queue for sendmsg; says how many entries were filled.
  size_t Front(std::span<iovec> entries) {
    size_t count = 0;
    size_t skip = sent_;
    for (std::string& piece : pieces_) {
      if (count == entries.size()) break;
      if (piece.size() > skip) entries[count++] = {piece.data() + skip, piece.size() - skip};
      skip = 0;
    }
    return count;
  }
  void Sent(size_t count) {
    bytes_ -= count;
    sent_ += count;
    if (bytes_ == 0) return Clear();
    while (sent_ >= pieces_.front().size()) {
      sent_ -= pieces_.front().size();
      pieces_.pop_front();
    }
  }
  void Clear() {
    bytes_ = sent_ = 0;
    while (pieces_.size() > 1) pieces_.pop_back();
    if (!pieces_.empty() && pieces_.front().capacity() > kJoinMax) pieces_.clear();
    if (!pieces_.empty()) pieces_.front().clear();  // its memory serves the next answer
  }

 private:
  std::deque<std::string> pieces_;
  size_t bytes_ = 0;
  size_t sent_ = 0;  // bytes at the front that are gone
  size_t size_before_ = 0;
};

}  // namespace tatara::net
