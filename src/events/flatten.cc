#include "events/flatten.h"

#include <simdjson.h>

#include <cstring>

#include "base/strings.h"

namespace tatara::events {

namespace ondemand = simdjson::ondemand;

namespace {
constexpr size_t kLinearMax = 8;
constexpr int kDepthMax = 1000;
}  // namespace

int FieldTree::Step(int node, std::string_view name) const {
  const Node& at = nodes_[static_cast<size_t>(node)];
  if (!at.by_name.empty()) {
    const auto found = at.by_name.find(name);
    return found == at.by_name.end() ? -1 : found->second;
  }
  for (const auto& [child, number] : at.children) {
    if (child == name) return number;
  }
  return -1;
}

int FieldTree::AddStep(int node, std::string_view name) {
  if (const int found = Step(node, name); found >= 0) return found;
  const int number = static_cast<int>(nodes_.size());
  nodes_.emplace_back();
  Node& at = nodes_[static_cast<size_t>(node)];
  at.children.emplace_back(std::string(name), number);
  if (at.children.size() > kLinearMax) {
    at.by_name.clear();  // the names may have moved
    for (const auto& [child, child_number] : at.children) at.by_name[child] = child_number;
  }
  return number;
}

uint32_t FieldTree::Add(std::string_view path) {
  int node = 0;
  for (const std::string& name : Split(path, '.')) node = AddStep(node, name);
  int& field = nodes_[static_cast<size_t>(node)].field;
  if (field < 0) field = static_cast<int>(field_count_++);
  return static_cast<uint32_t>(field);
}

int FieldTree::Child(int node, std::string_view name) const {
  size_t dot = name.find('.');
  while (dot != std::string_view::npos && node >= 0) {
    node = Step(node, name.substr(0, dot));
    name.remove_prefix(dot + 1);
    dot = name.find('.');
  }
  return node < 0 ? -1 : Step(node, name);
}

struct EventReader::Json {
  ondemand::parser parser;
  std::string text;  // with padding
};

EventReader::EventReader() : json_(std::make_unique<Json>()) {}
EventReader::~EventReader() = default;
EventReader::EventReader(EventReader&&) noexcept = default;
EventReader& EventReader::operator=(EventReader&&) noexcept = default;

// One pass over an event; the reader's arrays grow as it goes.
struct Walk {
  EventReader& reader;
  const FieldTree& tree;
  int32_t arrays = 0;
  int depth = 0;

  using Code = simdjson::error_code;

  // A name of an object that was met, and the leaves that came from it.
  struct Seen {
    int node;
    size_t begin, end;
  };
  std::vector<Seen> seen = {};

  Code Object(ondemand::object object, int node, int32_t membership) {
    if (++depth > kDepthMax) return simdjson::DEPTH_ERROR;
    const size_t mine = seen.size();
    for (auto member : object) {
      ondemand::field field;
      if (auto code = std::move(member).get(field)) return code;
      std::string_view name;
      if (auto code = field.unescaped_key().get(name)) return code;
      const int child = tree.Child(node, name);
      if (child < 0) continue;
      Forget(mine, child);
      const size_t begin = reader.leaves_.size();
      if (auto code = Any(field.value(), child, membership)) return code;
      seen.push_back({child, begin, reader.leaves_.size()});
    }
    seen.resize(mine);
    --depth;
    return simdjson::SUCCESS;
  }

  // Of doubled names the last counts.
  void Forget(size_t mine, int node) {
    for (size_t i = mine; i < seen.size(); ++i) {
      if (seen[i].node != node) continue;
      for (size_t leaf = seen[i].begin; leaf < seen[i].end; ++leaf) {
        reader.leaves_[leaf].dropped = true;
      }
    }
  }

  Code Array(ondemand::array array, int node, int32_t membership) {
    if (++depth > kDepthMax) return simdjson::DEPTH_ERROR;
    const int32_t number = arrays++;
    int32_t index = 0;
    for (auto element : array) {
      ondemand::value value;
      if (auto code = std::move(element).get(value)) return code;
      ondemand::json_type type;
      if (auto code = value.type().get(type)) return code;
      int32_t inner = membership;
      if (type == ondemand::json_type::object || type == ondemand::json_type::array) {
        inner = static_cast<int32_t>(reader.memberships_.size());
        reader.memberships_.push_back({membership, number, index});
      }
      if (auto code = Any(value, node, inner)) return code;
      ++index;
    }
    --depth;
    return simdjson::SUCCESS;
  }

  Code Any(ondemand::value value, int node, int32_t membership) {
    ondemand::json_type type;
    if (auto code = value.type().get(type)) return code;
    if (type == ondemand::json_type::object) {
      ondemand::object object;
      if (auto code = value.get_object().get(object)) return code;
      return Object(object, node, membership);
    }
    if (type == ondemand::json_type::array) {
      ondemand::array array;
      if (auto code = value.get_array().get(array)) return code;
      return Array(array, node, membership);
    }
    if (tree.FieldOf(node) < 0) return simdjson::SUCCESS;
    Leaf leaf;
    leaf.field = static_cast<uint32_t>(tree.FieldOf(node));
    leaf.membership = membership;
    if (auto code = Scalar(value, type, leaf)) return code;
    reader.leaves_.push_back(leaf);
    return simdjson::SUCCESS;
  }

  static Code Scalar(ondemand::value& value, ondemand::json_type type, Leaf& leaf) {
    if (type == ondemand::json_type::string) {
      leaf.kind = Leaf::Kind::kText;
      return value.get_string().get(leaf.text);
    }
    if (type == ondemand::json_type::number) {
      leaf.kind = Leaf::Kind::kNumber;
      leaf.text = Trim(value.raw_json_token());
      leaf.number = ReadNumber(leaf.text);
      return simdjson::SUCCESS;
    }
    if (type == ondemand::json_type::null) {
      bool is_null = false;
      if (auto code = value.is_null().get(is_null)) return code;
      return is_null ? simdjson::SUCCESS : simdjson::N_ATOM_ERROR;
    }
    bool flag = false;
    if (auto code = value.get_bool().get(flag)) return code;
    leaf.kind = flag ? Leaf::Kind::kTrue : Leaf::Kind::kFalse;
    return simdjson::SUCCESS;
  }
};

Status EventReader::Read(std::string_view event, const FieldTree& tree) {
  std::string& text = json_->text;
  text.reserve(event.size() + simdjson::SIMDJSON_PADDING);
  text.assign(event);
  for (const uint32_t field : touched_) by_field_[field].clear();
  touched_.clear();
  leaves_.clear();
  memberships_.clear();
  if (by_field_.size() < tree.field_count()) by_field_.resize(tree.field_count());

  const auto broken = [](simdjson::error_code code) {
    return Invalid(std::string("the event is not valid JSON: ") + simdjson::error_message(code));
  };
  ondemand::document document;
  if (auto code = json_->parser.iterate(text.data(), text.size(), text.capacity()).get(document)) {
    return broken(code);
  }
  ondemand::object object;
  if (document.get_object().get(object)) return Invalid("the event must be a JSON object");
  Walk walk{*this, tree};
  if (auto code = walk.Object(object, 0, -1)) return broken(code);
  for (uint32_t i = 0; i < leaves_.size(); ++i) {
    if (leaves_[i].dropped) continue;
    auto& list = by_field_[leaves_[i].field];
    if (list.empty()) touched_.push_back(leaves_[i].field);
    list.push_back(i);
  }
  return {};
}

bool EventReader::Consistent(int32_t a, int32_t b) const {
  for (int32_t i = a; i >= 0; i = memberships_[static_cast<size_t>(i)].parent) {
    const Membership& mine = memberships_[static_cast<size_t>(i)];
    for (int32_t j = b; j >= 0; j = memberships_[static_cast<size_t>(j)].parent) {
      const Membership& theirs = memberships_[static_cast<size_t>(j)];
      if (mine.array == theirs.array && mine.index != theirs.index) return false;
    }
  }
  return true;
}

}  // namespace tatara::events
