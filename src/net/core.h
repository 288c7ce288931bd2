// What all connections of one server share, and how other threads reach them. Private to net.
#pragma once

#include <pthread.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "net/reactor.h"
#include "net/server.h"
#include "os/clock.h"
#include "os/threads.h"

namespace tatara::net {

class Connection;
struct Core;

// The way from any thread to a connection. Connections are named by number, so that a late answer
// to one that is gone, or to a server that has stopped, falls to the ground.
// Shared by the server and everything that may still answer.
class Inbox {
 public:
  using Act = std::move_only_function<void(Connection*)>;

  explicit Inbox(Core& core) : core_(&core) {}
  // Called on the net thread when it begins and when it ends: between, answers that are given on
  // it take effect at once.
  void SetNetThread(bool running);

  // Runs `act` on the net thread with that connection, if it still is there.
  void Post(uint64_t connection, Act act);
  // The answer to one request of a connection: exactly once for each that was admitted.
  void Answer(uint64_t connection, uint64_t exchange, Response response);
  // The server is gone: whatever comes later is dropped.
  void Close();

  struct Item {
    uint64_t connection;
    Act act;
    bool answers;  // ends a request in flight
  };
  std::vector<Item> Take();

 private:
  void Push(Item item);

  std::mutex mutex_;
  Core* core_;  // null once closed
  std::vector<Item> items_;
  std::atomic<pthread_t> net_thread_{};
};

// Everything here belongs to the net thread.
struct Core {
  Core(const Router& routes, os::WorkPool& work_pool, ServerOptions server_options,
       HttpServer::Guard server_guard);
  ~Core();

  // Brings the clock up to date: at the begin of each turn.
  void Begin() { now = os::Stopwatch::Now(); }
  // Lets every connection that changed go on (parse, answer, send): after all sockets of a turn
  // were read, and after its tasks.
  void Settle();
  void ForgetClosed();  // at the end of a turn
  void MarkChanged(Connection& connection);
  void DrainInbox();
  Connection* Find(uint64_t id);
  void Forget(Connection& connection);  // it has closed
  std::string_view Date();              // "Tue, 24 Nov 2026 11:28:04 GMT"
  os::WorkPool& Uploads();              // made when first needed
  os::WorkPool& Followers();

  const Router& router;
  os::WorkPool& pool;
  const ServerOptions options;
  const HttpServer::Guard guard;
  Reactor reactor;
  std::shared_ptr<Inbox> inbox;
  std::unordered_map<uint64_t, std::unique_ptr<Connection>> connections;
  os::Monotonic now;
  size_t in_flight = 0;  // admitted requests without answer
  size_t bodies = 0;     // bytes of their bodies
  bool draining = false;
  // Shared with the sources that are being read. How many MayWait sources live.
  std::shared_ptr<std::atomic<size_t>> followers = std::make_shared<std::atomic<size_t>>(0);

 private:
  std::vector<Connection*> changed_;
  std::vector<std::unique_ptr<Connection>> closed_;  // until the turn ends
  os::RealClock clock_;
  os::Monotonic date_made_{};
  std::string date_;
  std::unique_ptr<os::WorkPool> uploads_;
  std::unique_ptr<os::WorkPool> followers_pool_;
};

}  // namespace tatara::net
