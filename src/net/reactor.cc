#include "net/reactor.h"

#include <sys/eventfd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/log.h"

namespace tatara::net {
namespace {

int MillisecondsUntil(os::Monotonic until) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - os::Stopwatch::Now());
  return static_cast<int>(std::clamp<int64_t>(left.count(), 0, 60'000));
}

}  // namespace

Status Reactor::Open() {
  epoll_ = Socket(::epoll_create1(EPOLL_CLOEXEC));
  wake_ = Socket(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  if (epoll_.open() && wake_.open() && Control(EPOLL_CTL_ADD, wake_, EPOLLIN, nullptr)) return {};
  return Unavailable(std::string("cannot wait for sockets: ") + std::strerror(errno));
}

bool Reactor::Control(int operation, const Socket& socket, uint32_t events, Watcher* watcher) {
  epoll_event event{};
  event.events = events;
  event.data.ptr = watcher;
  return ::epoll_ctl(epoll_.descriptor(), operation, socket.descriptor(), &event) == 0;
}

bool Reactor::Watch(const Socket& socket, uint32_t events, Watcher& watcher) {
  return Control(EPOLL_CTL_ADD, socket, events, &watcher);
}

bool Reactor::Change(const Socket& socket, uint32_t events, Watcher& watcher) {
  return Control(EPOLL_CTL_MOD, socket, events, &watcher);
}

void Reactor::Unwatch(const Socket& socket) { (void)Control(EPOLL_CTL_DEL, socket, 0, nullptr); }

void Reactor::Post(Task task) {
  std::lock_guard lock(mutex_);
  tasks_.push_back(std::move(task));
  if (!std::exchange(waiting_, false)) return;  // the loop will look before it sleeps
  const uint64_t one = 1;
  (void)!::write(wake_.descriptor(), &one, sizeof(one));
}

void Reactor::Wait(os::Monotonic until) {
  int timeout = 0;
  {
    std::lock_guard lock(mutex_);
    waiting_ = tasks_.empty();
    if (waiting_) timeout = MillisecondsUntil(until);
  }
  ready_ =
      ::epoll_wait(epoll_.descriptor(), events_.data(), static_cast<int>(events_.size()), timeout);
  std::lock_guard lock(mutex_);
  waiting_ = false;
}

void Reactor::Dispatch() {
  for (int i = 0; i < ready_; ++i) {
    if (auto* watcher = static_cast<Watcher*>(events_[static_cast<size_t>(i)].data.ptr)) {
      watcher->Ready(events_[static_cast<size_t>(i)].events);
      continue;
    }
    uint64_t count = 0;
    (void)!::read(wake_.descriptor(), &count, sizeof(count));
  }
}

bool Reactor::RunTasks() {
  std::vector<Task> tasks;
  {
    std::lock_guard lock(mutex_);
    tasks.swap(tasks_);
  }
  if (tasks.empty()) return false;
  for (Task& task : tasks) {
    try {
      task();
    } catch (const std::exception& error) {
      Log::Error("net", std::string("a task of the net thread threw: ") + error.what());
    }
  }
  tasks.clear();
  std::lock_guard lock(mutex_);
  if (tasks_.empty()) tasks_.swap(tasks);  // keeps the memory
  return true;
}

}  // namespace tatara::net
