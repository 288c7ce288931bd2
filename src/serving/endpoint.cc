#include "serving/endpoint.h"

#include <algorithm>

#include "base/strings.h"

namespace tatara::serving {

void RunCost::Add(int64_t rows, int64_t nanos) {
  const int64_t per_row = std::max<int64_t>(1, nanos / std::max<int64_t>(1, rows));
  const int64_t old = nanos_per_row_.load(std::memory_order_relaxed);
  // A moving average over about eight runs. A lost update costs nothing.
  nanos_per_row_.store(old == 0 ? per_row : old + (per_row - old) / 8, std::memory_order_relaxed);
}

int64_t RunCost::Expect(int64_t rows) const {
  return nanos_per_row_.load(std::memory_order_relaxed) * rows;
}

std::shared_ptr<const Live> Endpoint::live() const {
  std::lock_guard lock(mutex_);
  return live_;
}

void Endpoint::Publish(Live live) {
  auto next = std::make_shared<const Live>(std::move(live));
  std::lock_guard lock(mutex_);
  live_.swap(next);
}

Result<std::shared_ptr<const Version>> Endpoint::Pick(std::string_view version) const {
  const auto now = live();
  if (now->versions.empty()) return Unavailable("endpoint '" + name_ + "' " + now->waiting);
  if (version.empty()) return now->versions.front();
  for (const auto& candidate : now->versions) {
    if (candidate->name == version) return candidate;
  }
  std::vector<std::string> names;
  for (const auto& candidate : now->versions) names.push_back(candidate->name);
  return NotFound("endpoint '" + name_ + "' has no version '" + std::string(version) +
                  "'; it has " + Join(names, ", "));
}

}  // namespace tatara::serving
