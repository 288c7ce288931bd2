// A bounded pipe of bytes from the net thread, which never blocks, to one reader on a work thread,
// which does: the body of a streamed request. Private to net.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "net/http.h"

namespace tatara::net {

class BodyPipe {
 public:
  static constexpr size_t kBytesMax = 256 * 1024;

  // `on_room` is called on the reader's thread when a pipe that was found full has room again.
  explicit BodyPipe(std::function<void()> on_room) : on_room_(std::move(on_room)) {}

  // Of the writer. Room says how many bytes Write will take; 0 asks for on_room.
  size_t Room();
  void Write(std::string piece);
  void End();
  void Fail(Error error);
  // False once the reader is gone: what is written then is dropped.
  bool HasReader();

  // Of the reader: blocks until there is something to give.
  Result<size_t> Read(std::span<char> buffer);
  void ReaderGone();

 private:
  void Take(std::span<char> buffer);  // fills it from what is there

  std::mutex mutex_;
  std::condition_variable change_;
  std::deque<std::string> pieces_;
  size_t taken_ = 0;  // bytes of the first piece that were read already
  size_t bytes_ = 0;  // of all pieces that were not
  bool ended_ = false;
  bool failed_ = false;
  bool reader_gone_ = false;
  bool room_wanted_ = false;
  Error error_;
  std::function<void()> on_room_;
};

// The reader's end as the handler sees it.
class PipeSource : public ByteSource {
 public:
  // Shared with the connection, which writes, and either may be gone first.
  explicit PipeSource(std::shared_ptr<BodyPipe> pipe) : pipe_(std::move(pipe)) {}
  ~PipeSource() override { pipe_->ReaderGone(); }
  Result<size_t> Read(std::span<char> buffer) override { return pipe_->Read(buffer); }

 private:
  std::shared_ptr<BodyPipe> pipe_;
};

}  // namespace tatara::net
