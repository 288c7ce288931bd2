// Zero-delay batching: the calls that one wake-up of the network brought, and that go to one
// version, share one run of the model; nobody waits for others.
//
// Quick runs happen on the net thread; what is expected to take longer goes to the infer threads,
// so that one heavy model does not hold up the others. The queue before those is bounded.
// Threads: Submit from any; a call's `done` runs on the net thread or on an infer thread.
#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <span>
#include <vector>

#include "os/threads.h"
#include "serving/endpoint.h"

namespace tatara::serving {

class Batcher {
 public:
  // `after_wake_up` runs a task on the net thread once the sockets of this wake-up are served;
  // empty: each call runs at once. `answered` is called before a call's `done`.
  Batcher(std::function<void(std::function<void()>)> after_wake_up, size_t infer_threads,
          std::function<void(const Call&, const Result<inference::RunOutput>&)> answered);
  void Submit(Call call);
  // kExhausted while more waits than can be answered soon.
  Status CheckLoad() const;
  // Answers what is queued, then ends the infer threads.
  void Stop();

 private:
  void Flush();
  void Start(std::span<Call> group, int64_t& net_nanos);
  void RunGroup(std::span<Call> group);
  void RunTogether(std::span<Call> group);
  void Finish(Call& call, Result<inference::RunOutput> output);

  const std::function<void(std::function<void()>)> after_wake_up_;
  const std::function<void(const Call&, const Result<inference::RunOutput>&)> answered_;
  std::mutex mutex_;
  std::vector<Call> pending_;
  std::atomic<int64_t> queued_nanos_{0};  // expected work before the infer threads
  os::WorkPool pool_;
};

// Which calls may share a run: indices of `calls`, each once, in order. Pure.
std::vector<std::vector<size_t>> GroupCalls(std::span<const Call> calls);

}  // namespace tatara::serving
