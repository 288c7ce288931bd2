// Ids are made by us, sortable by time of birth, and each kind is a type of its own, so that a run
// cannot be passed where a job is wanted. os::NewId (os/random.h) makes the text.
#pragma once

#include <compare>
#include <functional>
#include <string>
#include <utility>

namespace tatara {

template <class Tag>
struct Id {
  std::string value;

  Id() = default;
  explicit Id(std::string text) : value(std::move(text)) {}
  bool empty() const { return value.empty(); }
  auto operator<=>(const Id&) const = default;
};

using RunId = Id<struct RunTag>;                  // an experiment's run: 32 hex digits, as MLflow's
using JobId = Id<struct JobTag>;                  // "j-..."
using PipelineRunId = Id<struct PipelineRunTag>;  // "p-..."
using EventId = Id<struct EventTag>;              // "e-..."

}  // namespace tatara

template <class Tag>
struct std::hash<tatara::Id<Tag>> {
  size_t operator()(const tatara::Id<Tag>& id) const { return std::hash<std::string>()(id.value); }
};
