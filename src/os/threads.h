// The only place that makes threads. Each has a name that `top -H` shows.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/result.h"

namespace tatara::os {

// A named thread that is joined by its destructor. The function must return when its owner asks.
class Thread {
 public:
  Thread() = default;
  Thread(std::string name, std::function<void()> body);
  ~Thread() { Join(); }
  Thread(Thread&&) noexcept = default;
  Thread& operator=(Thread&&) noexcept = default;
  void Join();
  bool joinable() const { return thread_.joinable(); }

 private:
  std::thread thread_;
};

// N threads that run tasks in order of arrival. Post refuses (false) when `queue_max` tasks wait
// or the pool is stopping. Exceptions that escape a task end the process (CHECK): catch before.
class WorkPool {
 public:
  WorkPool(std::string name, size_t threads, size_t queue_max = 65536);
  ~WorkPool();
  bool Post(std::function<void()> task);
  // Runs what is queued, then ends the threads; Post refuses from the call on. Idempotent.
  void Stop();

 private:
  void Run();

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> tasks_;
  size_t queue_max_;
  bool stopping_ = false;
  std::vector<Thread> threads_;
};

// Sleeps for real time. For waiting loops of commands; the server waits on queues instead.
void SleepFor(std::chrono::milliseconds span);

}  // namespace tatara::os
