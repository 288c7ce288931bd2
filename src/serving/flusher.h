// The thread that brings captured rows to the disk: written within 50 ms, fsynced each second, and
// closed journals made Parquet on the work pool.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "os/threads.h"
#include "serving/endpoint.h"

namespace tatara::serving {

class Flusher {
 public:
  using Endpoints = std::function<std::vector<std::shared_ptr<Endpoint>>()>;
  Flusher(Endpoints endpoints, os::WorkPool& pool)
      : endpoints_(std::move(endpoints)), pool_(pool) {}
  ~Flusher() { Stop(); }
  void Start();
  // There is something to write. Any thread, cheap.
  void Wake();
  // Writes everything once more. Idempotent.
  void Stop();

 private:
  void Loop();
  bool FlushAll(bool durably);  // false: something could not be written
  void ConvertInBackground(std::shared_ptr<Endpoint> endpoint);

  const Endpoints endpoints_;
  os::WorkPool& pool_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool dirty_ = false;
  bool stopping_ = false;
  // One conversion at a time. Shared with the task on the work pool, which may outlive us.
  const std::shared_ptr<std::mutex> converting_ = std::make_shared<std::mutex>();
  os::Thread thread_;
};

}  // namespace tatara::serving
