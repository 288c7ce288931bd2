#include "serving/plan.h"

#include <algorithm>

namespace tatara::serving {

std::vector<const DeploymentRow*> ReadyOf(const std::vector<DeploymentRow>& deployments,
                                          std::string_view endpoint) {
  std::vector<const DeploymentRow*> ready;
  for (const DeploymentRow& row : deployments) {
    if (row.endpoint == endpoint && row.state == "READY") ready.push_back(&row);
  }
  std::ranges::sort(ready, std::greater(), &DeploymentRow::number);
  return ready;
}

std::optional<Wish> WishOf(const Snapshot& snapshot, const EndpointRow& endpoint) {
  Wish wish;
  if (!endpoint.alias.empty()) {
    const auto alias = snapshot.aliases.find({endpoint.model, endpoint.alias});
    if (alias == snapshot.aliases.end()) return std::nullopt;
    wish = {alias->second.version, alias->second.event.value, alias->second.event};
  } else if (endpoint.wanted_version > 0) {
    // A new wish of the project has a new event, also for the same version.
    wish = {endpoint.wanted_version, endpoint.event.value, endpoint.event};
  } else {
    return std::nullopt;
  }
  if (wish.mark == endpoint.handled) return std::nullopt;
  return wish;
}

std::vector<Action> Plan(const Snapshot& snapshot) {
  using Kind = Action::Kind;
  std::vector<Action> actions;
  std::set<VersionKey> wanted;
  std::set<std::string> names;
  for (const EndpointRow& endpoint : snapshot.endpoints) {
    names.insert(endpoint.name);
    if (!snapshot.known.contains(endpoint.name)) {
      actions.push_back({Kind::kAddEndpoint, endpoint.name, 0, {}, {}});
    }
    const auto ready = ReadyOf(snapshot.deployments, endpoint.name);
    for (const DeploymentRow* row : ready) {
      const VersionKey key{endpoint.name, row->version};
      wanted.insert(key);
      if (snapshot.loaded.contains(key) || snapshot.loading.contains(key)) continue;
      actions.push_back({Kind::kLoad, endpoint.name, row->version, {}, {}});
    }
    const auto wish = WishOf(snapshot, endpoint);
    if (!wish) continue;
    const VersionKey key{endpoint.name, wish->version};
    if (!ready.empty() && ready.front()->version == wish->version) {
      actions.push_back({Kind::kHandle, endpoint.name, wish->version, wish->mark, wish->cause});
    } else if (!snapshot.loading.contains(key)) {
      actions.push_back({Kind::kDeploy, endpoint.name, wish->version, wish->mark, wish->cause});
    }
  }
  for (const VersionKey& key : snapshot.loaded) {
    // A version that is being deployed has no row yet.
    if (wanted.contains(key) || snapshot.loading.contains(key)) continue;
    actions.push_back({Kind::kUnload, key.first, key.second, {}, {}});
  }
  for (const std::string& name : snapshot.known) {
    if (!names.contains(name)) actions.push_back({Kind::kRemoveEndpoint, name, 0, {}, {}});
  }
  return actions;
}

}  // namespace tatara::serving
