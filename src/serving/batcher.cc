#include "serving/batcher.h"

#include <algorithm>
#include <optional>

#include "os/clock.h"
#include "serving/batch.h"

namespace tatara::serving {
namespace {

using inference::RunOutput;

constexpr int64_t kBatchRowsMax = 1024;
constexpr int64_t kQuickNanos = 500'000;            // one run on the net thread
constexpr int64_t kNetNanosMax = 2'000'000;         // all runs of one wake-up there
constexpr int64_t kQueuedNanosMax = 2'000'000'000;  // expected work that may wait
constexpr size_t kQueueMax = 256;

int64_t NanosSince(os::Monotonic start) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(os::Stopwatch::Now() - start).count();
}

int64_t RowsOf(std::span<const Call> group) {
  int64_t rows = 0;
  for (const Call& call : group) rows += call.rows;
  return rows;
}

}  // namespace

std::vector<std::vector<size_t>> GroupCalls(std::span<const Call> calls) {
  struct Open {
    size_t group;
    int64_t rows;
  };
  std::vector<std::vector<size_t>> groups;
  std::vector<Open> open;
  for (size_t i = 0; i < calls.size(); ++i) {
    const Call& call = calls[i];
    const auto fits = [&](const Open& candidate) {
      const Call& first = calls[groups[candidate.group].front()];
      return first.version == call.version && candidate.rows + call.rows <= kBatchRowsMax &&
             SameRowShape(first.inputs, call.inputs);
    };
    const auto found = call.version->batches ? std::ranges::find_if(open, fits) : open.end();
    if (found != open.end()) {
      groups[found->group].push_back(i);
      found->rows += call.rows;
      continue;
    }
    groups.push_back({i});
    if (call.version->batches) open.push_back({groups.size() - 1, call.rows});
  }
  return groups;
}

Batcher::Batcher(std::function<void(std::function<void()>)> after_wake_up, size_t infer_threads,
                 std::function<void(const Call&, const Result<RunOutput>&)> answered)
    : after_wake_up_(std::move(after_wake_up)),
      answered_(std::move(answered)),
      pool_("infer", infer_threads, kQueueMax) {}

void Batcher::Submit(Call call) {
  bool first = false;
  {
    std::lock_guard lock(mutex_);
    first = pending_.empty();
    pending_.push_back(std::move(call));
  }
  if (!first) return;
  if (after_wake_up_)
    after_wake_up_([this] { Flush(); });
  else
    Flush();
}

Status Batcher::CheckLoad() const {
  if (queued_nanos_.load(std::memory_order_relaxed) < kQueuedNanosMax) return {};
  return Exhausted("too many predictions wait; try again in a second");
}

void Batcher::Stop() {
  Flush();
  pool_.Stop();
}

void Batcher::Flush() {
  std::vector<Call> calls;
  {
    std::lock_guard lock(mutex_);
    calls.swap(pending_);
  }
  if (calls.empty()) return;
  int64_t net_nanos = 0;
  std::vector<std::vector<size_t>> groups;
  if (calls.size() > 1) groups = GroupCalls(calls);
  if (groups.size() <= 1) {
    Start(calls, net_nanos);
  } else {
    for (const std::vector<size_t>& indices : groups) {
      std::vector<Call> group;
      group.reserve(indices.size());
      for (const size_t index : indices) group.push_back(std::move(calls[index]));
      Start(group, net_nanos);
    }
  }
  calls.clear();
  std::lock_guard lock(mutex_);
  if (pending_.empty()) pending_.swap(calls);  // keeps the memory
}

// Runs here what is quick and hands the rest to the infer threads.
void Batcher::Start(std::span<Call> group, int64_t& net_nanos) {
  const int64_t expected = group.front().version->cost.Expect(RowsOf(group));
  if (expected <= kQuickNanos && net_nanos + expected <= kNetNanosMax) {
    net_nanos += expected;
    return RunGroup(group);
  }
  // Shared: std::function wants copies.
  auto shared = std::make_shared<std::vector<Call>>(std::make_move_iterator(group.begin()),
                                                    std::make_move_iterator(group.end()));
  queued_nanos_ += expected;
  const bool taken = pool_.Post([this, shared, expected] {
    RunGroup(*shared);
    queued_nanos_ -= expected;
  });
  if (taken) return;
  queued_nanos_ -= expected;
  for (Call& call : *shared) {
    Finish(call, Exhausted("too many predictions wait; try again in a second"));
  }
}

void Batcher::RunGroup(std::span<Call> group) {
  if (group.size() > 1) return RunTogether(group);
  Call& call = group.front();
  const os::Monotonic start = os::Stopwatch::Now();
  auto output = call.version->model->Run(call.inputs);
  call.version->cost.Add(call.rows, NanosSince(start));
  ++call.endpoint->counters().runs;
  Finish(call, std::move(output));
}

void Batcher::RunTogether(std::span<Call> group) {
  std::vector<std::span<const inference::Tensor>> inputs;
  std::vector<int64_t> rows;
  for (const Call& call : group) {
    inputs.emplace_back(call.inputs);
    rows.push_back(call.rows);
  }
  const Version& version = *group.front().version;
  const os::Monotonic start = os::Stopwatch::Now();
  auto output = version.model->Run(Concatenate(inputs));
  version.cost.Add(RowsOf(group), NanosSince(start));
  ++group.front().endpoint->counters().runs;
  std::optional<std::vector<RunOutput>> parts;
  if (output) {
    if (auto split = SplitRows(*output, rows)) parts = *std::move(split);
  }
  for (size_t i = 0; i < group.size(); ++i) {
    // Where one request spoils the batch, each gets its own answer.
    Finish(group[i],
           parts ? Result<RunOutput>(std::move((*parts)[i])) : version.model->Run(group[i].inputs));
  }
}

void Batcher::Finish(Call& call, Result<RunOutput> output) {
  answered_(call, output);
  call.done(std::move(output));
}

}  // namespace tatara::serving
