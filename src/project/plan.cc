#include <algorithm>

#include "project/project.h"

namespace tatara::project {
namespace {

Json ToJson(const PipelineSpec& spec) {
  return Json::Of(
      {{"file", spec.file}, {"release", spec.release ? release::ToJson(*spec.release) : Json()}});
}

Json ToJson(const pipelines::StageResources& needs) {
  return Json::Of({{"queue", needs.queue},
                   {"cpus", needs.cpus},
                   {"memory", needs.memory},
                   {"timeout", FormatDuration(needs.timeout)},
                   {"retries", needs.retries}});
}

Json ToJson(const QueueSpec& spec) {
  return Json::Of({{"cpus", spec.cpus ? Json(*spec.cpus) : Json()},
                   {"memory", spec.memory ? Json(*spec.memory) : Json()}});
}

void AddFeatures(const features::FeatureConfig& config, std::vector<Item>& items) {
  for (const auto& source : config.sources) {
    items.push_back({"source", source.name,
                     Json::Of({{"path", source.path},
                               {"time", source.time},
                               {"created", source.created},
                               {"keys", Json::Strings(source.keys)}})});
  }
  for (const auto& view : config.views) {
    items.push_back({"view", view.name,
                     Json::Of({{"source", view.source},
                               {"ttl", view.ttl ? Json(FormatDuration(*view.ttl)) : Json()},
                               {"columns", Json::Strings(view.columns)},
                               {"filter_created", view.filter_created},
                               {"online", view.online}})});
  }
  for (const auto& service : config.services) {
    items.push_back({"service", service.name, Json::Of({{"views", Json::Strings(service.views)}})});
  }
}

}  // namespace

std::vector<Item> ItemsOf(const Project& project) {
  std::vector<Item> items;
  for (const auto& spec : project.pipelines) items.push_back({"pipeline", spec.name, ToJson(spec)});
  for (const auto& [name, needs] : project.resources) {
    items.push_back({"resources", name, ToJson(needs)});
  }
  for (const auto& spec : project.queues) items.push_back({"queue", spec.name, ToJson(spec)});
  AddFeatures(project.features, items);
  for (const auto& spec : project.endpoints) {
    items.push_back({"endpoint", spec.name, serving::ToJson(spec)});
  }
  for (const auto& spec : project.monitors) {
    items.push_back({"monitor", spec.name, monitor::ToJson(spec)});
  }
  for (const auto& spec : project.alarms) {
    items.push_back({"alarm", spec.name, telemetry::ToJson(spec)});
  }
  for (const auto& spec : project.notices) {
    items.push_back({"notice", spec.name, events::ToJson(spec)});
  }
  for (const auto& spec : project.rules) items.push_back({"rule", spec.name, events::ToJson(spec)});
  return items;
}

std::vector<Change> Difference(const std::vector<Item>& present, const std::vector<Item>& wanted) {
  std::vector<Change> changes;
  const auto find = [](const std::vector<Item>& items, const Item& item) {
    return std::ranges::find_if(items, [&](const Item& other) {
      return other.kind == item.kind && other.name == item.name;
    });
  };
  for (const Item& item : wanted) {
    const auto old = find(present, item);
    if (old == present.end()) {
      changes.push_back({Change::Kind::kAdd, item.kind, item.name, Json(), item.spec});
    } else if (old->spec.Dump() != item.spec.Dump()) {
      changes.push_back({Change::Kind::kChange, item.kind, item.name, old->spec, item.spec});
    }
  }
  for (const Item& item : present) {
    if (find(wanted, item) != wanted.end()) continue;
    changes.push_back({Change::Kind::kRemove, item.kind, item.name, item.spec, Json()});
  }
  return changes;
}

Json ToJson(const std::vector<Change>& changes) {
  Json::Array list;
  for (const Change& change : changes) {
    const std::string_view action = change.kind == Change::Kind::kAdd      ? "add"
                                    : change.kind == Change::Kind::kChange ? "change"
                                                                           : "remove";
    list.push_back(Json::Of({{"action", action},
                             {"kind", change.item_kind},
                             {"name", change.name},
                             {"before", change.before},
                             {"after", change.after}}));
  }
  return Json(std::move(list));
}

}  // namespace tatara::project
