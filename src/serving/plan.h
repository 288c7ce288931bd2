// What serving does next: pure, from the rows and from what is loaded.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/id.h"

namespace tatara::serving {

struct EndpointRow {
  std::string name;
  std::string project;
  std::string model;           // empty: it serves files
  std::string alias;           // of `model`; empty: it follows none
  int64_t wanted_version = 0;  // 0: its project names none
  double sample = 100;
  int64_t keep_versions = 3;
  std::string handled;  // the alias_set event, or wish, that was acted upon last
  EventId event;
};

struct DeploymentRow {
  std::string endpoint;
  int64_t version = 0;
  int64_t number = 0;  // order of deploying
  std::string uri, path;
  std::vector<std::string> signature;
  std::string state;  // READY, FAILED, RETIRED
  std::string reason;
};

struct AliasRow {
  int64_t version = 0;
  EventId event;
};

using VersionKey = std::pair<std::string, int64_t>;  // endpoint, version

struct Snapshot {
  std::vector<EndpointRow> endpoints;
  std::vector<DeploymentRow> deployments;
  std::map<std::pair<std::string, std::string>, AliasRow> aliases;  // by model and alias
  std::set<VersionKey> loaded;
  std::set<VersionKey> loading;
  std::set<std::string> known;  // endpoints that are in memory
};

struct Action {
  enum class Kind {
    kAddEndpoint,     // make it known
    kRemoveEndpoint,  // its row is gone
    kDeploy,          // load a registered version; it becomes the default
    kLoad,            // load a version whose row is READY
    kUnload,          // its row is no longer READY
    kHandle,          // the alias points at what is the default already: only remember that
  };
  Kind kind;
  std::string endpoint;
  int64_t version = 0;
  std::string wish;  // kDeploy, kHandle: what `handled` becomes
  EventId cause;     // kDeploy
  bool operator==(const Action&) const = default;
};

// Desired state against actual: a repeat is harmless.
std::vector<Action> Plan(const Snapshot& snapshot);

// The READY deployments of an endpoint, the default first.
std::vector<const DeploymentRow*> ReadyOf(const std::vector<DeploymentRow>& deployments,
                                          std::string_view endpoint);

// What an endpoint wants to follow next, if it has not yet: version, mark and cause.
struct Wish {
  int64_t version = 0;
  std::string mark;
  EventId cause;
};
std::optional<Wish> WishOf(const Snapshot& snapshot, const EndpointRow& endpoint);

}  // namespace tatara::serving
