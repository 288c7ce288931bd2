// One connection: requests in, answers out, in order. Private to net; lives on the net thread.
//
// Reading goes through phases: a head, then its body (kept, piped to a streamed handler, or
// skipped), then the next head; or kStop, after which nothing more is understood. Each request
// admitted or refused is an Exchange in a queue; the front one's answer is sent when it is ready.
//
// Pipelined requests: inline ones run at once, side by side (so that a batcher sees them together);
// a request for a thread waits until the thread requests before it are answered.
//
// After an answer that ends the connection the sending side is shut down and what still comes is
// read and dropped for a while ("lingering"), since closing over unread bytes would reset the
// connection and could take the answer from the client.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "net/body.h"
#include "net/core.h"
#include "net/head.h"
#include "net/out_queue.h"
#include "net/pipe.h"

namespace tatara::net {

// A streamed answer's source while it is read on some thread.
struct AnswerStream {
  AnswerStream(std::unique_ptr<ByteSource> bytes, std::shared_ptr<std::atomic<size_t>> count)
      : source(std::move(bytes)), followers(std::move(count)), waits(source->MayWait()) {
    if (waits) ++*followers;
  }
  ~AnswerStream() {
    if (waits) --*followers;
  }
  std::unique_ptr<ByteSource> source;
  std::shared_ptr<std::atomic<size_t>> followers;  // shared by all streams and the core
  bool waits;
};

class Connection : public Watcher {
 public:
  Connection(Core& core, uint64_t id, Socket socket);
  ~Connection();

  uint64_t id() const { return id_; }
  void Start();
  void Ready(uint32_t events) override;
  void StartRefused(Response response);  // answers without a request, then ends

  void Answer(uint64_t exchange, Response response);
  void Piece(uint64_t exchange, Result<std::string> piece);  // of a streamed answer; empty: end
  void Changed();  // something happened: Resume at the next Settle
  void Resume();

  void Sweep();  // looks at the clock
  void Drain();  // no new requests
  void Close();

 private:
  enum class Phase { kHead, kBody, kSkip, kStop };

  struct Exchange {
    uint64_t id = 0;
    Verb verb = Verb::kGet;
    bool http10 = false;
    bool keep_alive = true;
    bool threaded = false;         // waits for a thread, or is answered from one
    bool continue_wanted = false;  // 100 Continue is due when this comes to the front
    bool ready = false;
    bool started = false;  // head sent, stream under way
    bool chunked = false;
    bool reading = false;      // a thread reads the next piece
    int64_t stream_left = -1;  // of a stream with known length
    size_t body_bytes = 0;     // of the request's body, counted in Core::bodies
    Response response;
    std::optional<Response> forced;        // instead of what the handler will answer
    std::shared_ptr<AnswerStream> stream;  // shared with the thread that reads it
  };

  // connection_in.cc: from bytes to requests.
  bool TakeInput();
  bool TakeHead();
  bool TakeBody();
  bool TakeStreamedBody();
  bool SkipBody();
  void BeginRequest(Head&& head);
  std::optional<Response> EarlyAnswer(Head& head, const Router::Match& match);
  void BeginRefused(const Head& head, Response response);
  void BeginAdmitted(Head&& head, const Route& route);
  void RefuseRequest(const Refusal& refusal);
  void BodyFailed(const Refusal& refusal);
  void HandlerDoneEarly();
  bool MayBeginRequest() const;
  void Dispatch(Request&& request, const Route& route);
  void DispatchInline(Request&& request, const Route& route);
  void DispatchThreaded(Request&& request, const Route& route);
  void StopReading();
  void PeerClosed();

  // connection_out.cc: from answers to bytes.
  bool PumpAnswers();
  bool SendReady(Exchange& exchange);
  bool BeginStream(Exchange& exchange);
  void ReadPiece(Exchange& exchange);
  void EndExchange();
  void Flush();
  void EndIfDone();

  // connection.cc
  Exchange& AddExchange(const Head& head);
  void HoldBody(Exchange& exchange, size_t bytes);
  void ReleaseBody(Exchange& exchange);
  Exchange* FindExchange(uint64_t id);
  void Read();
  bool MakeRoom();
  void SetInterest();
  bool TimedOut() const;
  std::string_view Input() const { return {in_.data() + in_begin_, in_end_ - in_begin_}; }

  Core& core_;
  const uint64_t id_;
  Socket socket_;
  const std::string peer_;

  std::vector<char> in_;
  size_t in_begin_ = 0;
  size_t in_end_ = 0;
  Phase phase_ = Phase::kHead;
  HeadScanner scanner_;
  std::optional<BodyDecoder> decoder_;
  // The request whose body is being read: its exchange is the last.
  Request current_;
  const Route* current_route_ = nullptr;
  std::shared_ptr<BodyPipe> pipe_;  // shared with the streamed handler's request
  std::string scratch_;
  size_t skip_left_ = 0;

  std::deque<Exchange> exchanges_;
  uint64_t next_exchange_ = 1;
  size_t threaded_ = 0;
  OutQueue out_;

  os::Monotonic phase_since_;   // the head's first byte, or the body's last 64 KiB
  os::Monotonic active_since_;  // anything read or written
  os::Monotonic wrote_since_;   // progress of writing
  size_t body_bytes_ = 0;       // read since phase_since_
  size_t linger_left_ = 0;

  uint32_t interest_ = 0;  // events that epoll watches for
  bool writing_ = false;   // waits until more can be sent
  bool changed_ = false;
  bool resuming_ = false;
  bool peer_closed_ = false;
  bool lingering_ = false;
  bool closed_ = false;
};

}  // namespace tatara::net
