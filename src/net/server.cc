#include "net/server.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <condition_variable>
#include <mutex>

#include "base/log.h"
#include "net/answer.h"
#include "net/connection.h"
#include "net/core.h"

namespace tatara::net {
namespace {

namespace asio = boost::asio;
using tcp = asio::ip::tcp;
using std::chrono::milliseconds;

constexpr size_t kRefusedMax = 64;  // connections over the maximum that are told so

milliseconds SweepPeriod(const ServerOptions& options) {
  const milliseconds shortest =
      std::min({options.head_timeout, options.request_timeout, options.idle_timeout});
  return std::clamp(shortest / 4, milliseconds(5), milliseconds(1000));
}

std::string PeerName(const tcp::socket& socket) {
  boost::system::error_code error;
  const tcp::endpoint peer = socket.remote_endpoint(error);
  if (error) return "unknown";
  const std::string address = peer.address().to_string();
  const std::string host = peer.address().is_v6() ? "[" + address + "]" : address;
  return host + ":" + std::to_string(peer.port());
}

// A peer that is gone without a word (a follower's client that was cut off) is noticed within about
// a minute and a half, also when there is nothing to send.
void Prepare(tcp::socket& accepted) {
  boost::system::error_code ignored;
  accepted.non_blocking(true, ignored);
  const int socket = accepted.native_handle();
  const int on = 1, idle = 30, interval = 15, count = 4;
  ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  ::setsockopt(socket, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
  ::setsockopt(socket, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle));
  ::setsockopt(socket, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof(interval));
  ::setsockopt(socket, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof(count));
}

}  // namespace

class HttpServer::Impl {
 public:
  Impl(const Router& router, os::WorkPool& pool, ServerOptions options, Guard guard)
      : core_(router, pool, std::move(options), std::move(guard)),
        acceptor_(core_.io),
        sweep_(core_.io),
        work_(core_.io.get_executor()) {}

  ~Impl() { Stop(milliseconds(0)); }

  Status Start();
  int port() const { return port_; }
  void AfterWakeUp(std::function<void()> task);
  void Stop(milliseconds deadline);

 private:
  Status Listen();
  void Run();
  void Accept();
  void Accepted(tcp::socket socket);
  void Sweep();
  void BeginDrain(os::Monotonic deadline);

  Core core_;
  tcp::acceptor acceptor_;
  asio::steady_timer sweep_;
  asio::executor_work_guard<asio::io_context::executor_type> work_;
  os::Thread thread_;
  int port_ = 0;
  bool accept_failed_ = false;
  uint64_t next_connection_ = 1;
  os::Monotonic drain_until_{};
  std::mutex stop_mutex_;
  bool started_ = false;
};

Status HttpServer::Impl::Start() {
  TRY(Listen());
  port_ = acceptor_.local_endpoint().port();
  started_ = true;
  thread_ = os::Thread("net", [this] { Run(); });
  return {};
}

Status HttpServer::Impl::Listen() {
  const ServerOptions& options = core_.options;
  const std::string place = options.host + ":" + std::to_string(options.port);
  boost::system::error_code error;
  const auto address =
      asio::ip::make_address(options.host == "localhost" ? "127.0.0.1" : options.host, error);
  if (error || options.port < 0 || options.port > 65535) {
    return Invalid("cannot listen on " + place + ": give an IP address and a port up to 65535");
  }
  const tcp::endpoint endpoint(address, static_cast<uint16_t>(options.port));
  acceptor_.open(endpoint.protocol(), error);
  if (!error) acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor_.bind(endpoint, error);
  if (!error) acceptor_.listen(1024, error);
  if (!error) return {};
  boost::system::error_code ignored;
  acceptor_.close(ignored);
  if (error == asio::error::address_in_use) {
    return Conflict("port " + std::to_string(options.port) + " of " + options.host +
                    " is in use; stop what listens there or choose another port");
  }
  return Unavailable("cannot listen on " + place + ": " + error.message());
}

void HttpServer::Impl::Run() {
  core_.inbox->SetNetThread(true);
  core_.Begin();
  Accept();
  Sweep();
  core_.io.run();
  core_.inbox->SetNetThread(false);
}

void HttpServer::Impl::Accept() {
  acceptor_.async_accept([this](const boost::system::error_code& error, tcp::socket socket) {
    if (error == asio::error::operation_aborted || core_.draining) return;
    core_.Begin();
    if (error) {
      // Out of descriptors, most likely: the sweep tries again, a loop here would only burn time.
      accept_failed_ = true;
      Log::Warn("net", "cannot accept a connection: " + error.message());
      return;
    }
    Accepted(std::move(socket));
    core_.Settle();
    Accept();
  });
}

void HttpServer::Impl::Accepted(tcp::socket socket) {
  const size_t open = core_.connections.size();
  if (open >= core_.options.connections_max + kRefusedMax) return;
  const uint64_t id = next_connection_++;
  Prepare(socket);
  std::string peer = PeerName(socket);
  auto connection = std::make_shared<Connection>(core_, id, std::move(socket), std::move(peer));
  core_.connections.emplace(id, connection);
  if (open < core_.options.connections_max) {
    connection->Start();
  } else {
    connection->StartRefused(ErrorResponse(503, "too many connections; try again"));
  }
}

// One timer for all connections instead of one each: timeouts are late by at most a period, and
// cost nothing for a request.
void HttpServer::Impl::Sweep() {
  core_.Begin();
  std::vector<std::shared_ptr<Connection>> connections;
  connections.reserve(core_.connections.size());
  for (auto& [id, connection] : core_.connections) connections.push_back(connection);
  const bool cut = core_.draining && core_.now >= drain_until_;
  for (auto& connection : connections) {
    if (cut) {
      connection->Close();
    } else {
      connection->Sweep();
    }
  }
  core_.Settle();
  if (std::exchange(accept_failed_, false) && !core_.draining) Accept();
  if (core_.draining && core_.connections.empty()) {
    work_.reset();
    return;
  }
  const milliseconds period = core_.draining ? milliseconds(5) : SweepPeriod(core_.options);
  sweep_.expires_after(period);
  sweep_.async_wait([this](const boost::system::error_code&) { Sweep(); });
}

void HttpServer::Impl::BeginDrain(os::Monotonic deadline) {
  core_.Begin();
  core_.draining = true;
  drain_until_ = deadline;
  boost::system::error_code ignored;
  acceptor_.close(ignored);
  std::vector<std::shared_ptr<Connection>> connections;
  for (auto& [id, connection] : core_.connections) connections.push_back(connection);
  for (auto& connection : connections) connection->Drain();
  core_.Settle();
  sweep_.cancel();  // the sweep looks often from now on
}

void HttpServer::Impl::AfterWakeUp(std::function<void()> task) {
  asio::post(core_.io, [this, task = std::move(task)] {
    core_.Begin();
    try {
      task();
    } catch (const std::exception& error) {
      Log::Error("net", std::string("a task after a wake-up threw: ") + error.what());
    }
    core_.Settle();
  });
}

void HttpServer::Impl::Stop(milliseconds deadline) {
  std::lock_guard lock(stop_mutex_);
  if (!std::exchange(started_, false)) return;
  const os::Monotonic until = os::Stopwatch::Now() + deadline;
  asio::post(core_.io, [this, until] { BeginDrain(until); });
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
