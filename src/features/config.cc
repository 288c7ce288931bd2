#include <algorithm>
#include <initializer_list>

#include "base/strings.h"
#include "features/features.h"

namespace tatara::features {
namespace {

std::unexpected<Error> At(const Yaml& node, const std::string& message) {
  return Invalid("line " + std::to_string(node.line) + ": " + message);
}

Status CheckKeys(const Yaml& map, const std::string& where,
                 std::initializer_list<std::string> known) {
  const std::vector<std::string> names(known);
  if (!map.IsMap()) return At(map, where + " must be a map of " + Join(names, ", "));
  for (const auto& [key, value] : map.entries) {
    if (std::find(names.begin(), names.end(), key.scalar) != names.end()) continue;
    return At(key, "unknown key '" + key.scalar + "' in " + where + DidYouMean(key.scalar, names));
  }
  return {};
}

Result<std::string> Text(const Yaml& map, const std::string& where, const std::string& key) {
  const Yaml* node = map.Find(key);
  if (node == nullptr || node->IsNull()) return At(map, where + " has no '" + key + "'");
  if (!node->IsScalar() || node->scalar.empty()) {
    return At(*node, where + "." + key + " must be a text");
  }
  return node->scalar;
}

Result<bool> Flag(const Yaml& map, const std::string& where, const std::string& key) {
  const Yaml* node = map.Find(key);
  if (node == nullptr) return false;
  const Json value = YamlToJson(*node);
  if (!value.IsBool()) return At(*node, where + "." + key + " must be true or false");
  return value.AsBool();
}

Result<std::vector<std::string>> Names(const Yaml& node, const std::string& where) {
  if (!node.IsList()) return At(node, where + " must be a list of names");
  std::vector<std::string> names;
  for (const Yaml& item : node.items) {
    if (!item.IsScalar()) return At(item, where + " must be a list of names");
    if (std::find(names.begin(), names.end(), item.scalar) != names.end()) {
      return At(item, where + " has '" + item.scalar + "' twice");
    }
    names.push_back(item.scalar);
  }
  return names;
}

Result<Source> ParseSource(const std::string& name, const Yaml& node) {
  const std::string where = "features.sources." + name;
  TRY(CheckKeys(node, where, {"path", "time", "created", "keys"}));
  Source source{.name = name,
                .path = TRY(Text(node, where, "path")),
                .time = TRY(Text(node, where, "time")),
                .created = "",
                .keys = {}};
  if (node.Find("created") != nullptr) source.created = TRY(Text(node, where, "created"));
  const Yaml* keys = node.Find("keys");
  if (keys == nullptr) {
    return At(node, where + " has no 'keys'; write `keys: []` for one series for all");
  }
  source.keys = TRY(Names(*keys, where + ".keys"));
  return source;
}

template <class T>
std::vector<std::string> NamesOf(const std::vector<T>& items) {
  std::vector<std::string> names;
  for (const T& item : items) names.push_back(item.name);
  return names;
}

template <class T>
const T* FindNamed(const std::vector<T>& items, std::string_view name) {
  const auto at =
      std::find_if(items.begin(), items.end(), [&](const T& item) { return item.name == name; });
  return at == items.end() ? nullptr : &*at;
}

Result<View> ParseView(const std::string& name, const Yaml& node,
                       const std::vector<Source>& sources) {
  const std::string where = "features.views." + name;
  TRY(CheckKeys(node, where, {"source", "ttl", "columns", "filter_created", "online"}));
  View view;
  view.name = name;
  view.source = TRY(Text(node, where, "source"));
  const Source* source = FindNamed(sources, view.source);
  if (source == nullptr) {
    return At(*node.Find("source"), where + ": no source '" + view.source + "'" +
                                        DidYouMean(view.source, NamesOf(sources)));
  }
  if (const Yaml* ttl = node.Find("ttl"); ttl != nullptr) {
    const auto span = ParseDuration(ttl->scalar);
    if (!ttl->IsScalar() || !span) {
      return At(*ttl, where +
                          ".ttl must be a whole number above 0 and one of us, ms, s, m, h, d "
                          "(leave it out for no bound), not '" +
                          ttl->scalar + "'");
    }
    view.ttl = *span;
  }
  if (const Yaml* columns = node.Find("columns"); columns != nullptr) {
    view.columns = TRY(Names(*columns, where + ".columns"));
    if (view.columns.empty()) return At(*columns, where + ".columns is empty");
  }
  view.online = TRY(Flag(node, where, "online"));
  view.filter_created = TRY(Flag(node, where, "filter_created"));
  if (view.filter_created && source->created.empty()) {
    return At(*node.Find("filter_created"),
              where + ": filter_created needs 'created' in source '" + source->name + "'");
  }
  return view;
}

Result<Service> ParseService(const std::string& name, const Yaml& node,
                             const std::vector<View>& views) {
  const std::string where = "features.services." + name;
  Service service{name, TRY(Names(node, where))};
  if (service.views.empty()) return At(node, where + " has no views");
  for (size_t i = 0; i < service.views.size(); ++i) {
    if (FindNamed(views, service.views[i]) != nullptr) continue;
    return At(node.items[i], where + ": no view '" + service.views[i] + "'" +
                                 DidYouMean(service.views[i], NamesOf(views)));
  }
  return service;
}

// The entries of a section that maps names to definitions; none when it is absent or empty.
Result<std::vector<Yaml::Entry>> Section(const Yaml& node, const std::string& name) {
  const Yaml* section = node.Find(name);
  if (section == nullptr || section->IsNull()) return std::vector<Yaml::Entry>{};
  if (!section->IsMap()) return At(*section, "features." + name + " must be a map of names");
  return section->entries;
}

}  // namespace

Result<FeatureConfig> ParseFeatures(const Yaml& node) {
  FeatureConfig config;
  if (node.IsNull()) return config;
  TRY(CheckKeys(node, "features", {"sources", "views", "services"}));
  for (const auto& [name, body] : TRY(Section(node, "sources"))) {
    config.sources.push_back(TRY(ParseSource(name.scalar, body)));
  }
  for (const auto& [name, body] : TRY(Section(node, "views"))) {
    config.views.push_back(TRY(ParseView(name.scalar, body, config.sources)));
  }
  for (const auto& [name, body] : TRY(Section(node, "services"))) {
    config.services.push_back(TRY(ParseService(name.scalar, body, config.views)));
  }
  return config;
}

}  // namespace tatara::features
