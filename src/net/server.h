// The HTTP/1.1 server: the only listening socket of the process.
//
// Promises: keep-alive and pipelining (answers in order); chunked and streamed bodies both ways
// with constant memory; gzip and deflate request bodies are unpacked (bounded by body_max after
// unpacking); `Expect: 100-continue`; TCP_NODELAY. Bounded: head size and count, body size, time
// for head, for a whole request (streamed: for each 64 KiB), idle time, number of connections.
// Ambiguous requests (both Content-Length and Transfer-Encoding, doubled or lying lengths, bare CR,
// obsolete folding, ...) get a 4xx and the connection is closed.
//
// Threads: one net thread runs all connections. Buffered handlers, and the reads of streamed
// answers, run on the work pool; streamed handlers and sources that MayWait run on threads of their
// own (made when first needed), so that slow clients cannot take the work pool. Router, pool and
// what the guard uses must outlive the server. Start, Stop and the getters may be called from any
// thread. Stop drains: the listener closes, requests under way are finished until the deadline,
// then connections are cut.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/result.h"
#include "net/router.h"

namespace tatara::os {
class WorkPool;
}

namespace tatara::net {

struct ServerOptions {
  std::string host = "127.0.0.1";
  int port = 7700;  // 0: the system picks a free one
  size_t head_max = 64 * 1024;
  size_t headers_max = 100;
  int64_t body_max = 64LL << 20;   // buffered and inline routes, after unpacking
  int64_t stream_max = 1LL << 40;  // streamed routes
  size_t bodies_max = 1ULL << 30;  // of all buffered bodies under way; beyond it: 503
  size_t connections_max = 4096;
  size_t requests_in_flight_max = 1024;  // beyond it: 503 with Retry-After, before the body is read
  size_t uploads_max = 32;    // streamed requests that run at one time; more wait their turn
  size_t followers_max = 64;  // answers whose source MayWait; more get 503 with Retry-After
  std::chrono::milliseconds head_timeout{10'000};
  std::chrono::milliseconds request_timeout{60'000};
  std::chrono::milliseconds idle_timeout{120'000};
};

class HttpServer {
 public:
  // Called on the net thread for each request whose head has been read and whose route was found,
  // before its body is read: an answer here (401, 403, 429, ...) refuses it. May set `caller`.
  using Guard = std::function<std::unique_ptr<Response>(Request&, const Route&)>;

  HttpServer(const Router& router, os::WorkPool& pool, ServerOptions options, Guard guard = {});
  ~HttpServer();

  // Binds and begins to serve. A port in use is kConflict and names the port.
  Status Start();
  int port() const;
  // Runs `task` on the net thread once all sockets that the current wake-up brought have been
  // served: what lets a batcher run all requests of one wake-up together, without waiting.
  void AfterWakeUp(std::function<void()> task);
  void Stop(std::chrono::milliseconds deadline);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tatara::net
