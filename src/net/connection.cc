#include "net/connection.h"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <cstring>

#include "net/answer.h"

namespace tatara::net {
namespace {

constexpr size_t kInputMin = 4 * 1024;
constexpr size_t kInputKept = 16 * 1024;
constexpr size_t kInputMax = 64 * 1024;
constexpr std::chrono::milliseconds kLingerTime{3000};
constexpr std::chrono::milliseconds kLingerTimeDraining{100};

}  // namespace

Connection::Connection(Core& core, uint64_t id, boost::asio::ip::tcp::socket socket,
                       std::string peer)
    : core_(core),
      id_(id),
      socket_(std::move(socket)),
      peer_(std::move(peer)),
      phase_since_(core.now),
      active_since_(core.now),
      wrote_since_(core.now) {}

Connection::~Connection() = default;

void Connection::Start() { Changed(); }

void Connection::StartRefused(Response response) {
  Head head;
  head.keep_alive = false;
  Exchange& exchange = AddExchange(head);
  exchange.ready = true;
  exchange.response = std::move(response);
  StopReading();
  Changed();
}

void Connection::Changed() {
  if (changed_ || resuming_ || closed_) return;
  changed_ = true;
  core_.MarkChanged(*this);
}

void Connection::Resume() {
  changed_ = false;
  if (closed_) return;
  resuming_ = true;
  // Answers make way for the next pipelined requests, and those for answers.
  for (bool moved = true; moved && !closed_;) {
    moved = TakeInput();
    moved = PumpAnswers() || moved;
  }
  resuming_ = false;
  if (!closed_) Flush();
  if (!closed_) EndIfDone();
  if (!closed_) StartRead();
}

Connection::Exchange& Connection::AddExchange(const Head& head) {
  Exchange& exchange = exchanges_.emplace_back();
  exchange.id = next_exchange_++;
  exchange.verb = head.request.verb;
  exchange.http10 = head.http10;
  exchange.keep_alive = head.keep_alive && !core_.draining;
  return exchange;
}

void Connection::HoldBody(Exchange& exchange, size_t bytes) {
  exchange.body_bytes += bytes;
  core_.bodies += bytes;
}

void Connection::ReleaseBody(Exchange& exchange) {
  core_.bodies -= exchange.body_bytes;
  exchange.body_bytes = 0;
}

Connection::Exchange* Connection::FindExchange(uint64_t id) {
  if (exchanges_.empty() || id < exchanges_.front().id) return nullptr;
  const size_t at = id - exchanges_.front().id;
  return at < exchanges_.size() ? &exchanges_[at] : nullptr;
}

void Connection::Answer(uint64_t id, Response response) {
  Exchange* exchange = FindExchange(id);
  if (!exchange || exchange->ready || closed_) return;
  exchange->ready = true;
  ReleaseBody(*exchange);
  exchange->response = exchange->forced ? *std::move(exchange->forced) : std::move(response);
  if (pipe_ && &exchanges_.back() == exchange) HandlerDoneEarly();
  Changed();
}

void Connection::StartRead() {
  if (reading_ || peer_closed_) return;
  if (phase_ == Phase::kStop && !lingering_) return;
  if (in_begin_ == in_end_) {
    in_begin_ = in_end_ = 0;
    // Idle connections should cost little.
    if (in_.size() > kInputKept && phase_ == Phase::kHead) in_ = std::vector<char>(kInputMin);
  } else if (in_begin_ > 0 && (in_end_ == in_.size() || in_begin_ > in_.size() / 2)) {
    std::memmove(in_.data(), in_.data() + in_begin_, in_end_ - in_begin_);
    in_end_ -= in_begin_;
    in_begin_ = 0;
  }
  const size_t input_max = std::max(kInputMax, core_.options.head_max + 1024);
  if (in_end_ == in_.size()) {
    if (in_.size() >= input_max) return;  // full: what is in it must be understood first
    in_.resize(std::min(std::max(kInputMin, in_.size() * 2), input_max));
  }
  reading_ = true;
  socket_.async_read_some(
      boost::asio::buffer(in_.data() + in_end_, in_.size() - in_end_),
      [self = shared_from_this()](const boost::system::error_code& error, size_t count) {
        self->OnRead(error, count);
      });
}

void Connection::OnRead(const boost::system::error_code& error, size_t count) {
  reading_ = false;
  if (closed_) return;
  core_.Begin();
  if (error == boost::asio::error::eof) {
    PeerClosed();
  } else if (error) {
    Close();
  } else {
    active_since_ = core_.now;
    if (phase_ == Phase::kHead && in_begin_ == in_end_) phase_since_ = core_.now;
    in_end_ += count;
    // A read that filled its room foretells more: take it in larger pieces.
    if (in_end_ == in_.size() && in_.size() < kInputMax) in_.resize(in_.size() * 4);
    body_bytes_ += count;
    Changed();
  }
  core_.Settle();
}

void Connection::PeerClosed() {
  peer_closed_ = true;
  if (lingering_) return Close();
  Changed();
}

// After the peer has closed its side nothing can be read, but a reset must still be noticed, or a
// source that waits would be read for a client that is gone.
void Connection::WatchForReset() {
  if (watching_) return;
  watching_ = true;
  socket_.async_wait(boost::asio::ip::tcp::socket::wait_error,
                     [self = shared_from_this()](const boost::system::error_code& error) {
                       self->watching_ = false;
                       if (error || self->closed_) return;
                       self->core_.Begin();
                       self->Close();
                       self->core_.Settle();
                     });
}

bool Connection::TimedOut() const {
  const auto& options = core_.options;
  const os::Monotonic now = core_.now;
  if (lingering_) {
    return now - phase_since_ > (core_.draining ? kLingerTimeDraining : kLingerTime);
  }
  if (!out_.empty()) return now - wrote_since_ > options.request_timeout;
  switch (phase_) {
    case Phase::kHead:
      if (!exchanges_.empty()) return false;
      return in_begin_ == in_end_ ? now - active_since_ > options.idle_timeout
                                  : now - phase_since_ > options.head_timeout;
    case Phase::kBody:
    case Phase::kSkip:
      return now - phase_since_ > options.request_timeout;
    case Phase::kStop:
      return false;  // a handler is at work
  }
  return false;
}

void Connection::Sweep() {
  if (closed_) return;
  if (phase_ == Phase::kBody && pipe_) {
    // A streamed body may take any time, as long as it moves, or waits for its handler.
    if (body_bytes_ >= kInputMax || pipe_->Room() == 0) phase_since_ = core_.now;
    if (body_bytes_ >= kInputMax) body_bytes_ = 0;
  }
  if (!exchanges_.empty() && exchanges_.front().started && !exchanges_.front().reading) Changed();
  if (!TimedOut()) return;
  const bool late = !lingering_ && out_.empty();
  if (late && phase_ == Phase::kHead && in_begin_ != in_end_) {
    RefuseRequest({408, "the head of the request took too long"});
  } else if (late && phase_ == Phase::kBody) {
    BodyFailed({408, "the body of the request took too long"});
  } else {
    return Close();
  }
  Changed();
}

void Connection::Drain() {
  if (closed_) return;
  // A follower would go on for as long as its log: it ends now, as if the log had.
  for (Exchange& exchange : exchanges_) {
    if (exchange.stream && exchange.stream->waits) exchange.stream->source->Cancel();
  }
  const bool idle = phase_ == Phase::kHead && in_begin_ == in_end_;
  if (!exchanges_.empty()) {
    exchanges_.back().keep_alive = false;
    if (idle) StopReading();
  } else if (idle && out_.empty()) {
    return Close();
  }
  Changed();
}

void Connection::Close() {
  if (closed_) return;
  closed_ = true;
  boost::system::error_code ignored;
  socket_.close(ignored);
  if (phase_ == Phase::kBody && !pipe_) --core_.in_flight;  // it was admitted, but not run
  if (pipe_) pipe_->Fail({Code::kUnavailable, "the client went away"});
  for (Exchange& exchange : exchanges_) {
    if (exchange.stream) exchange.stream->source->Cancel();
    ReleaseBody(exchange);
  }
  exchanges_.clear();
  core_.Forget(*this);
}

}  // namespace tatara::net
