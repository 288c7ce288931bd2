// Did a stage change since dvc.lock, and why: a pure comparison, tested by tables.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "pipelines/lock.h"
#include "pipelines/stage.h"

namespace tatara::pipelines {

// What is on the disk now, in the order of the stage's lists.
struct ItemFacts {
  bool exists = false;
  std::string md5;        // as the lock's entry has it (legacy or not); empty when it is not there
  bool in_cache = false;  // the object that the lock names (outputs)
};
struct StageFacts {
  std::vector<ItemFacts> deps;
  std::vector<std::optional<Value>> params;  // the whole file, or nothing when it is not there
  std::vector<ItemFacts> outs;
};

struct Changes {
  std::vector<std::string> command;  // each list holds reasons for people
  std::vector<std::string> inputs;
  std::vector<std::string> outputs;
  bool Any() const { return !command.empty() || !inputs.empty() || !outputs.empty(); }
  std::string Why() const;  // the first few, joined
};

// `entry`: null when the lock has none.
Changes FindChanges(const Stage& stage, const LockEntry* entry, const StageFacts& facts);

// The values of a stage's parameters in a file: key -> value; keys that are missing in `missing`.
Value SelectParams(const ParamsDependency& params, const Value& file,
                   std::vector<std::string>& missing);

}  // namespace tatara::pipelines
