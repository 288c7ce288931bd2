// The loop of the net thread: sockets through epoll (level-triggered), and tasks from any thread.
// Private to net.
//
// One turn is Wait, Dispatch, RunTasks. Tasks run after all sockets of the turn were dispatched,
// also those that were posted during it; what tasks post waits for the next turn, which then does
// not sleep.
//
// Why not Asio: it tries each read before it waits for it, and asks epoll again before a posted
// task. A request that comes alone takes five system calls there, and three here.
#pragma once

#include <sys/epoll.h>

#include <array>
#include <functional>
#include <mutex>
#include <vector>

#include "net/socket.h"
#include "os/clock.h"

namespace tatara::net {

class Watcher {
 public:
  // `events` as of epoll: EPOLLIN, EPOLLOUT, EPOLLERR, EPOLLHUP.
  virtual void Ready(uint32_t events) = 0;

 protected:
  ~Watcher() = default;
};

class Reactor {
 public:
  using Task = std::move_only_function<void()>;

  Status Open();

  // Of the loop's thread. A watcher must live until the turn in which it was unwatched ends.
  // Closing the socket does not end the watch: while a child process is being started it has a copy
  // of the descriptor, and epoll goes on. False: the system watches no more.
  bool Watch(const Socket& socket, uint32_t events, Watcher& watcher);
  bool Change(const Socket& socket, uint32_t events, Watcher& watcher);
  void Unwatch(const Socket& socket);

  // Any thread: runs `task` in the loop's thread.
  void Post(Task task);

  // Waits until something is ready, a task was posted or `until` has come.
  void Wait(os::Monotonic until);
  void Dispatch();
  // False when there was none.
  bool RunTasks();

 private:
  bool Control(int operation, const Socket& socket, uint32_t events, Watcher* watcher);

  Socket epoll_;
  Socket wake_;  // an eventfd: posted to while Wait sleeps
  std::array<epoll_event, 256> events_;
  int ready_ = 0;

  std::mutex mutex_;  // guards what follows
  std::vector<Task> tasks_;
  bool waiting_ = false;
};

}  // namespace tatara::net
