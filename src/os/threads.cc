#include "os/threads.h"

#include <pthread.h>

#include <exception>

#include "base/log.h"

namespace tatara::os {

Thread::Thread(std::string name, std::function<void()> body) {
  thread_ = std::thread([name = std::move(name), body = std::move(body)] {
    ::pthread_setname_np(::pthread_self(), name.substr(0, 15).c_str());
    try {
      body();
    } catch (const std::exception& error) {
      Log::Error("os", "thread " + name + " ended by an exception: " + error.what());
      std::terminate();
    }
  });
}

void Thread::Join() {
  if (thread_.joinable()) thread_.join();
}

WorkPool::WorkPool(std::string name, size_t threads, size_t queue_max) : queue_max_(queue_max) {
  for (size_t i = 0; i < threads; ++i) {
    threads_.emplace_back(name + "-" + std::to_string(i), [this] { Run(); });
  }
}

WorkPool::~WorkPool() { Stop(); }

bool WorkPool::Post(std::function<void()> task) {
  {
    std::lock_guard lock(mutex_);
    if (stopping_ || tasks_.size() >= queue_max_) return false;
    tasks_.push_back(std::move(task));
  }
  wake_.notify_one();
  return true;
}

void WorkPool::Stop() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  for (Thread& thread : threads_) thread.Join();
}

void WorkPool::Run() {
  for (;;) {
    std::function<void()> task;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return stopping_ || !tasks_.empty(); });
      if (tasks_.empty()) return;
      task = std::move(tasks_.front());
      tasks_.pop_front();
    }
    task();
  }
}

void SleepFor(std::chrono::milliseconds span) { std::this_thread::sleep_for(span); }

}  // namespace tatara::os
