#include "tracking/types.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace tatara::tracking {
namespace {

constexpr std::array<std::string_view, 5> kStatusNames = {"RUNNING", "SCHEDULED", "FINISHED",
                                                          "FAILED", "KILLED"};

template <class T>
const T* FindKey(const std::vector<T>& items, std::string_view key) {
  const auto found = std::ranges::find(items, key, &T::key);
  return found == items.end() ? nullptr : &*found;
}

}  // namespace

std::string_view StatusName(RunStatus status) { return kStatusNames[static_cast<size_t>(status)]; }

std::optional<RunStatus> ParseStatus(std::string_view name) {
  const auto found = std::ranges::find(kStatusNames, name);
  if (found == kStatusNames.end()) return std::nullopt;
  return static_cast<RunStatus>(found - kStatusNames.begin());
}

std::string_view StageName(Stage stage) { return stage == Stage::kActive ? "active" : "deleted"; }

const Metric* Run::FindMetric(std::string_view key) const { return FindKey(metrics, key); }
const std::string* Run::FindParam(std::string_view key) const {
  const auto* found = FindKey(params, key);
  return found ? &found->value : nullptr;
}
const std::string* Run::FindTag(std::string_view key) const {
  const auto* found = FindKey(tags, key);
  return found ? &found->value : nullptr;
}

}  // namespace tatara::tracking
