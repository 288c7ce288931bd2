#include "net/connection.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
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

Connection::Connection(Core& core, uint64_t id, Socket socket)
    : core_(core),
      id_(id),
      socket_(std::move(socket)),
      peer_(PeerName(socket_)),
      phase_since_(core.now),
      active_since_(core.now),
      wrote_since_(core.now) {}

Connection::~Connection() = default;

void Connection::Start() {
  interest_ = EPOLLIN;
  (void)MakeRoom();
  if (core_.reactor.Watch(socket_, interest_, *this))
    Changed();
  else
    Close();
}

void Connection::StartRefused(Response response) {
  Start();
  if (closed_) return;
  Head head;
  head.keep_alive = false;
  Exchange& exchange = AddExchange(head);
  exchange.ready = true;
  exchange.response = std::move(response);
  StopReading();
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
  if (!closed_) SetInterest();
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

void Connection::Ready(uint32_t events) {
  if (closed_) return;
  const bool broken = (events & (EPOLLERR | EPOLLHUP)) != 0;
  if (writing_ && (broken || (events & EPOLLOUT) != 0)) {
    writing_ = false;
    Changed();
  }
  if ((interest_ & EPOLLIN) != 0) {
    if (broken || (events & EPOLLIN) != 0) Read();
  } else if (broken) {
    // Nothing is read now, and still a source that waits must not be read for a client that is
    // gone.
    Close();
  }
}

// Makes room behind what was not understood yet; false when there is as much of it as may be.
bool Connection::MakeRoom() {
  if (in_begin_ == in_end_) {
    in_begin_ = in_end_ = 0;
    // Idle connections should cost little.
    if (in_.size() > kInputKept && phase_ == Phase::kHead) in_ = std::vector<char>(kInputMin);
  } else if (in_begin_ > 0 && (in_end_ == in_.size() || in_begin_ > in_.size() / 2)) {
    std::memmove(in_.data(), in_.data() + in_begin_, in_end_ - in_begin_);
    in_end_ -= in_begin_;
    in_begin_ = 0;
  }
  if (in_end_ < in_.size()) return true;
  const size_t input_max = std::max(kInputMax, core_.options.head_max + 1024);
  if (in_.size() >= input_max) return false;
  in_.resize(std::min(std::max(kInputMin, in_.size() * 2), input_max));
  return true;
}

// Tells the reactor which events this connection wants from here on. Input only while there is room
// for it: what is in must be understood first.
void Connection::SetInterest() {
  const bool reads = !peer_closed_ && (phase_ != Phase::kStop || lingering_) && MakeRoom();
  const uint32_t wanted = (reads ? EPOLLIN : 0U) | (writing_ ? EPOLLOUT : 0U);
  if (wanted == interest_) return;
  interest_ = wanted;
  if (!core_.reactor.Change(socket_, wanted, *this)) Close();
}

void Connection::Read() {
  const ssize_t count = ::recv(socket_.descriptor(), in_.data() + in_end_, in_.size() - in_end_, 0);
  if (count == 0) return PeerClosed();
  if (count < 0) {
    if (errno != EAGAIN && errno != EINTR) Close();
    return;
  }
  active_since_ = core_.now;
  if (phase_ == Phase::kHead && in_begin_ == in_end_) phase_since_ = core_.now;
  in_end_ += static_cast<size_t>(count);
  body_bytes_ += static_cast<size_t>(count);
  // A read that filled its room foretells more: take it in larger pieces.
  if (in_end_ == in_.size() && in_.size() < kInputMax) in_.resize(in_.size() * 4);
  Changed();
}

void Connection::PeerClosed() {
  peer_closed_ = true;
  if (lingering_) return Close();
  Changed();
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
  core_.reactor.Unwatch(socket_);
  socket_.Close();
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
