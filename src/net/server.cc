#include "net/server.h"

#include <algorithm>
#include <mutex>

#include "base/log.h"
#include "net/answer.h"
#include "net/connection.h"
#include "net/core.h"

namespace tatara::net {
namespace {

using std::chrono::milliseconds;

constexpr size_t kRefusedMax = 64;  // connections over the maximum that are told so
constexpr int kAcceptsMax = 64;     // in one turn

milliseconds SweepPeriod(const ServerOptions& options) {
  const milliseconds shortest =
      std::min({options.head_timeout, options.request_timeout, options.idle_timeout});
  return std::clamp(shortest / 4, milliseconds(5), milliseconds(1000));
}

}  // namespace

class HttpServer::Impl : private Watcher {
 public:
  Impl(const Router& router, os::WorkPool& pool, ServerOptions options, Guard guard)
      : core_(router, pool, std::move(options), std::move(guard)) {}

  ~Impl() { Stop(milliseconds(0)); }

  Status Start();
  int port() const { return port_; }
  void AfterWakeUp(std::function<void()> task) { core_.reactor.Post(std::move(task)); }
  void Stop(milliseconds deadline);

 private:
  void Run();
  void Ready(uint32_t events) override;  // the listener is
  void Accepted(Socket socket);
  void Sweep();
  void BeginDrain(os::Monotonic deadline);

  Core core_;
  Socket listener_;
  os::Thread thread_;
  int port_ = 0;
  bool accept_failed_ = false;
  bool ended_ = false;
  uint64_t next_connection_ = 1;
  os::Monotonic next_sweep_{};
  os::Monotonic drain_until_{};
  std::mutex stop_mutex_;
  bool started_ = false;
};

Status HttpServer::Impl::Start() {
  TRY(core_.reactor.Open());
  listener_ = TRY(Listen(core_.options.host, core_.options.port));
  port_ = PortOf(listener_);
  if (!core_.reactor.Watch(listener_, EPOLLIN, *this)) {
    return Unavailable("cannot wait for connections");
  }
  started_ = true;
  thread_ = os::Thread("net", [this] { Run(); });
  return {};
}

void HttpServer::Impl::Run() {
  core_.inbox->SetNetThread(true);
  while (!ended_) {
    core_.reactor.Wait(next_sweep_);
    core_.Begin();
    core_.reactor.Dispatch();
    if (core_.now >= next_sweep_) Sweep();
    core_.Settle();
    if (core_.reactor.RunTasks()) core_.Settle();
    core_.ForgetClosed();
  }
  core_.inbox->SetNetThread(false);
}

void HttpServer::Impl::Ready(uint32_t) {
  for (int i = 0; i < kAcceptsMax; ++i) {
    auto accepted = Accept(listener_);
    if (!accepted) {
      // The sweep tries again; to go on here would only burn time.
      accept_failed_ = true;
      core_.reactor.Change(listener_, 0, *this);
      return Log::Warn("net", accepted.error().message);
    }
    if (!accepted->open()) return;
    Accepted(*std::move(accepted));
  }
}

void HttpServer::Impl::Accepted(Socket socket) {
  const size_t open = core_.connections.size();
  if (open >= core_.options.connections_max + kRefusedMax) return;
  const uint64_t id = next_connection_++;
  Connection& connection =
      *core_.connections.emplace(id, std::make_unique<Connection>(core_, id, std::move(socket)))
           .first->second;
  if (open < core_.options.connections_max) {
    connection.Start();
  } else {
    connection.StartRefused(ErrorResponse(503, "too many connections; try again"));
  }
}

// One timer for all connections instead of one each: timeouts are late by at most a period, and
// cost nothing for a request.
void HttpServer::Impl::Sweep() {
  std::vector<Connection*> connections;  // closed ones live until the turn ends
  connections.reserve(core_.connections.size());
  for (auto& [id, connection] : core_.connections) connections.push_back(connection.get());
  const bool cut = core_.draining && core_.now >= drain_until_;
  for (Connection* connection : connections) {
    if (cut) {
      connection->Close();
    } else {
      connection->Sweep();
    }
  }
  if (std::exchange(accept_failed_, false) && listener_.open()) {
    core_.reactor.Change(listener_, EPOLLIN, *this);
  }
  ended_ = core_.draining && core_.connections.empty();
  next_sweep_ = core_.now + (core_.draining ? milliseconds(5) : SweepPeriod(core_.options));
}

void HttpServer::Impl::BeginDrain(os::Monotonic deadline) {
  core_.draining = true;
  drain_until_ = deadline;
  core_.reactor.Unwatch(listener_);
  listener_.Close();
  std::vector<Connection*> connections;
  for (auto& [id, connection] : core_.connections) connections.push_back(connection.get());
  for (Connection* connection : connections) connection->Drain();
  next_sweep_ = core_.now;  // the sweep looks often from now on
}

void HttpServer::Impl::Stop(milliseconds deadline) {
  std::lock_guard lock(stop_mutex_);
  if (!std::exchange(started_, false)) return;
  const os::Monotonic until = os::Stopwatch::Now() + deadline;
  core_.reactor.Post([this, until] { BeginDrain(until); });
  thread_.Join();
}

HttpServer::HttpServer(const Router& router, os::WorkPool& pool, ServerOptions options, Guard guard)
    : impl_(std::make_unique<Impl>(router, pool, std::move(options), std::move(guard))) {}
HttpServer::~HttpServer() = default;
Status HttpServer::Start() { return impl_->Start(); }
int HttpServer::port() const { return impl_->port(); }
void HttpServer::AfterWakeUp(std::function<void()> task) { impl_->AfterWakeUp(std::move(task)); }
void HttpServer::Stop(milliseconds deadline) { impl_->Stop(deadline); }

}  // namespace tatara::net
