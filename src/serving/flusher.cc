#include "serving/flusher.h"

#include "base/log.h"
#include "os/clock.h"

namespace tatara::serving {
namespace {

constexpr std::chrono::milliseconds kWriteEvery{50};
constexpr std::chrono::milliseconds kSyncEvery{1000};

}  // namespace

void Flusher::Start() {
  if (thread_.joinable()) return;
  thread_ = os::Thread("capture", [this] { Loop(); });
}

void Flusher::Wake() {
  {
    std::lock_guard lock(mutex_);
    dirty_ = true;
  }
  wake_.notify_one();
}

void Flusher::Stop() {
  {
    std::lock_guard lock(mutex_);
    if (std::exchange(stopping_, true)) return;
  }
  wake_.notify_one();
  thread_.Join();
  (void)FlushAll(true);
}

void Flusher::Loop() {
  bool unsynced = false;
  os::Monotonic synced = os::Stopwatch::Now();
  std::unique_lock lock(mutex_);
  for (;;) {
    const auto woken = [this] { return dirty_ || stopping_; };
    if (unsynced)
      wake_.wait_until(lock, synced + kSyncEvery, woken);
    else
      wake_.wait(lock, woken);
    if (stopping_) return;
    // What comes within the next moment is written with it.
    if (dirty_) wake_.wait_for(lock, kWriteEvery, [this] { return stopping_; });
    if (stopping_) return;
    unsynced = unsynced || dirty_;
    dirty_ = false;
    const bool durably = unsynced && os::Stopwatch::Now() - synced >= kSyncEvery;
    lock.unlock();
    const bool written = FlushAll(durably);
    if (durably) {
      synced = os::Stopwatch::Now();
      unsynced = !written;
    }
    lock.lock();
  }
}

bool Flusher::FlushAll(bool durably) {
  bool written = true;
  for (const auto& endpoint : endpoints_()) {
    if (!endpoint->capture().Flush(durably)) written = false;
    if (endpoint->capture().HasClosed()) ConvertInBackground(endpoint);
  }
  return written;
}

void Flusher::ConvertInBackground(std::shared_ptr<Endpoint> endpoint) {
  (void)pool_.Post([endpoint = std::move(endpoint), converting = converting_] {
    const std::unique_lock one(*converting, std::try_to_lock);
    if (!one.owns_lock()) return;  // the next flush asks again
    Status converted = endpoint->capture().ConvertClosed();
    if (!converted) {
      Log::Warn("capture",
                endpoint->name() +
                    ": its closed journals are no Parquet yet, the next flush tries again: " +
                    converted.error().message);
    }
  });
}

}  // namespace tatara::serving
