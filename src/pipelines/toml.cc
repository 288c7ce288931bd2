#include "pipelines/toml.h"

#include <toml++/toml.h>

#include <algorithm>

namespace tatara::pipelines {
namespace {

std::string LineOf(const toml::source_position& position) {
  return "line " + std::to_string(position.line) + ": ";
}

Result<Value> FromNode(const toml::node& node);

Result<Value> FromTable(const toml::table& table) {
  struct Member {
    toml::source_position place;
    const std::string key;
    const toml::node* node;
  };
  std::vector<Member> members;  // the library sorts by name
  for (const auto& [key, node] : table) {
    members.push_back({key.source().begin, std::string(key.str()), &node});
  }
  std::vector<const Member*> in_order;
  for (const Member& member : members) in_order.push_back(&member);
  std::ranges::stable_sort(in_order, [](const Member* a, const Member* b) {
    return std::pair(a->place.line, a->place.column) < std::pair(b->place.line, b->place.column);
  });
  Value::Map out;
  for (const Member* member : in_order) {
    out.emplace_back(Value(member->key), TRY(FromNode(*member->node)));
  }
  return Value(std::move(out));
}

Result<Value> FromNode(const toml::node& node) {
  if (const auto* table = node.as_table()) return FromTable(*table);
  if (const auto* array = node.as_array()) {
    Value::List list;
    const toml::array& items = *array;
    for (const toml::node& item : items) list.push_back(TRY(FromNode(item)));
    return Value(std::move(list));
  }
  if (const auto* text = node.as_string()) return Value(text->get());
  if (const auto* number = node.as_integer()) return Value(number->get());
  if (const auto* number = node.as_floating_point()) return Value(number->get());
  if (const auto* flag = node.as_boolean()) return Value(flag->get());
  return Invalid(LineOf(node.source().begin) +
                 "a date or time cannot be a parameter; put it into quotes");
}

}  // namespace

Result<Value> ParseToml(const std::string& text) {
  const toml::parse_result parsed = toml::parse(text);
  if (!parsed) {
    const toml::parse_error& error = parsed.error();
    return Invalid(LineOf(error.source().begin) + std::string(error.description()));
  }
  return FromTable(parsed.table());
}

}  // namespace tatara::pipelines
