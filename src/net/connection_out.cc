#include <sys/socket.h>

#include <algorithm>
#include <charconv>

#include "base/log.h"
#include "net/answer.h"
#include "net/connection.h"

namespace tatara::net {
namespace {

constexpr size_t kPieceBytes = 256 * 1024;
constexpr size_t kLingerBytes = 256 * 1024 * 1024;

std::string ChunkHead(size_t size) {
  char text[20];
  char* end = std::to_chars(text, text + 16, size, 16).ptr;
  *end++ = '\r';
  *end++ = '\n';
  return std::string(text, end);
}

Result<std::string> ReadSome(ByteSource& source) {
  try {
    std::string piece(kPieceBytes, '\0');
    const size_t count = TRY(source.Read(piece));
    piece.resize(count);
    return piece;
  } catch (const std::exception& error) {
    return Internal(error.what());
  }
}

// One piece, the rule for small answers, spares the kernel the reading of a list.
ssize_t Send(const Socket& socket, std::span<iovec> pieces) {
  if (pieces.size() == 1) {
    return ::send(socket.descriptor(), pieces[0].iov_base, pieces[0].iov_len, MSG_NOSIGNAL);
  }
  msghdr message{};
  message.msg_iov = pieces.data();
  message.msg_iovlen = pieces.size();
  return ::sendmsg(socket.descriptor(), &message, MSG_NOSIGNAL);
}

}  // namespace

bool Connection::PumpAnswers() {
  bool moved = false;
  while (!closed_ && !exchanges_.empty()) {
    Exchange& front = exchanges_.front();
    if (front.continue_wanted && !front.ready) {
      front.continue_wanted = false;
      out_.Append("HTTP/1.1 100 Continue\r\n\r\n");
    }
    if (!front.ready || front.started || out_.bytes() >= kPieceBytes) break;
    if (!SendReady(front)) break;
    moved = true;
  }
  return moved;
}

// Puts the front answer into the queue. False when it is a stream that has only begun.
bool Connection::SendReady(Exchange& exchange) {
  if (exchange.response.stream && !BeginStream(exchange)) {
    exchange.response = ErrorResponse(503, "too many followers; try again");
  }
  Response& response = exchange.response;
  AnswerFrame frame;
  frame.date = core_.Date();
  const bool body = HasBody(response.status);
  const bool streams = exchange.stream != nullptr;
  if (streams) {
    frame.length = response.stream_length;
    exchange.stream_left = response.stream_length;
    exchange.chunked = frame.chunked = response.stream_length < 0 && !exchange.http10;
    // Without length or chunks only the end of the connection tells HTTP/1.0 the end.
    if (response.stream_length < 0 && exchange.http10) exchange.keep_alive = false;
  } else if (body) {
    frame.length = static_cast<int64_t>(response.body.size());
  }
  frame.close = !exchange.keep_alive;
  frame.keep_alive = exchange.http10 && exchange.keep_alive;
  AppendAnswerHead(out_.Tail(), response, frame);
  out_.Appended();
  if (streams && body && exchange.verb != Verb::kHead) {
    exchange.started = true;
    return false;
  }
  if (body && exchange.verb != Verb::kHead) out_.Take(std::move(response.body));
  EndExchange();
  return true;
}

// False when the source may wait and there are as many of those as there may be.
bool Connection::BeginStream(Exchange& exchange) {
  std::unique_ptr<ByteSource> source = std::move(exchange.response.stream);
  if (source->MayWait() && *core_.followers >= core_.options.followers_max) return false;
  exchange.stream = std::make_shared<AnswerStream>(std::move(source), core_.followers);
  if (core_.draining && exchange.stream->waits) exchange.stream->source->Cancel();
  return true;
}

// One piece at a time, and the next only when most of the last is gone: constant memory, and a
// slow client holds no thread.
void Connection::ReadPiece(Exchange& exchange) {
  os::WorkPool& pool = exchange.stream->waits ? core_.Followers() : core_.pool;
  exchange.reading = pool.Post(
      [inbox = core_.inbox, connection = id_, id = exchange.id, stream = exchange.stream] {
        auto piece = ReadSome(*stream->source);
        inbox->Post(connection, [id, piece = std::move(piece)](Connection* found) mutable {
          found->Piece(id, std::move(piece));
        });
      });
}

void Connection::Piece(uint64_t id, Result<std::string> piece) {
  Exchange* exchange = FindExchange(id);
  if (!exchange || closed_) return;
  exchange->reading = false;
  const bool whole = exchange->stream_left <= 0;
  if (!piece || (piece->empty() && !whole) ||
      (exchange->stream_left >= 0 && static_cast<int64_t>(piece->size()) > exchange->stream_left)) {
    // The head is out: only a cut can tell the client that this is not the whole.
    Log::Warn("net", "an answer was cut off: " +
                         (piece ? "its length is not as announced" : piece.error().message));
    return Close();
  }
  if (exchange->stream_left > 0) exchange->stream_left -= static_cast<int64_t>(piece->size());
  if (piece->empty()) {
    if (exchange->chunked) out_.Append("0\r\n\r\n");
    EndExchange();
  } else if (exchange->chunked) {
    out_.Append(ChunkHead(piece->size()));
    out_.Take(*std::move(piece));
    out_.Append("\r\n");
  } else {
    out_.Take(*std::move(piece));
  }
  Changed();
}

void Connection::EndExchange() {
  const Exchange& front = exchanges_.front();
  if (front.threaded) --threaded_;
  if (!front.keep_alive && phase_ != Phase::kStop && exchanges_.size() == 1 &&
      phase_ != Phase::kSkip) {
    StopReading();
  }
  exchanges_.pop_front();
  if (phase_ == Phase::kHead) phase_since_ = core_.now;
}

void Connection::Flush() {
  while (!out_.empty() && !writing_) {
    iovec entries[16];
    const ssize_t sent = Send(socket_, std::span(entries).first(out_.Front(entries)));
    if (sent >= 0) {
      out_.Sent(static_cast<size_t>(sent));
      active_since_ = core_.now;
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      writing_ = true;
      wrote_since_ = core_.now;
    } else if (errno != EINTR) {
      return Close();
    }
  }
  if (exchanges_.empty()) return;
  Exchange& front = exchanges_.front();
  if (front.started && !front.reading && out_.bytes() < kPieceBytes / 2) ReadPiece(front);
}

void Connection::EndIfDone() {
  if (!exchanges_.empty() || !out_.empty()) return;
  if (phase_ != Phase::kStop || lingering_) return;
  if (peer_closed_) return Close();
  ::shutdown(socket_.descriptor(), SHUT_WR);
  lingering_ = true;
  linger_left_ = kLingerBytes;
  phase_since_ = core_.now;
}

}  // namespace tatara::net
