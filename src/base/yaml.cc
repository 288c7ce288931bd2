#include "base/yaml.h"

#include <yaml.h>

#include <algorithm>
#include <functional>
#include <optional>
#include <unordered_map>
#include <unordered_set>

namespace tatara {
namespace {

constexpr size_t kDepthMax = 200;        // of nodes inside of the outermost one
constexpr size_t kNodesMax = 2'000'000;  // a bound on what aliases may multiply into

std::string AtLine(int line) { return "line " + std::to_string(line) + ": "; }

int Line(const yaml_mark_t& mark) { return static_cast<int>(mark.line) + 1; }

std::string Text(const yaml_char_t* text) { return reinterpret_cast<const char*>(text); }

// The parser's events, one at a time; `text` must outlive it.
class Events {
 public:
  explicit Events(std::string_view text) {
    yaml_parser_initialize(&parser_);
    yaml_parser_set_input_string(&parser_, reinterpret_cast<const unsigned char*>(text.data()),
                                 text.size());
  }
  ~Events() {
    yaml_event_delete(&event_);
    yaml_parser_delete(&parser_);
  }
  Events(const Events&) = delete;
  Events& operator=(const Events&) = delete;

  // Valid until the next call.
  Result<const yaml_event_t*> Next() {
    yaml_event_delete(&event_);
    if (yaml_parser_parse(&parser_, &event_) == 0) {
      const bool unread = parser_.error == YAML_READER_ERROR;  // has no mark of its own
      std::string what = AtLine(Line(unread ? parser_.mark : parser_.problem_mark)) +
                         (parser_.problem != nullptr ? parser_.problem : "not YAML");
      if (!unread && parser_.context != nullptr) {
        what += std::string(", ") + parser_.context + " of line " +
                std::to_string(Line(parser_.context_mark));
      }
      return Invalid(what);
    }
    return &event_;
  }

 private:
  yaml_parser_t parser_{};
  yaml_event_t event_{};
};

// A node with all that is below it.
struct Tree {
  Yaml node;
  size_t nodes = 1;
  size_t height = 1;
};

// Builds the tree of one document from the events between its start and its end.
class Builder {
 public:
  Status Add(const yaml_event_t& event) {
    switch (event.type) {
      case YAML_SCALAR_EVENT:
        TRY(CheckBounds(event, 1, 1));
        return Complete({.node = Scalar(event)}, event.data.scalar.anchor);
      case YAML_ALIAS_EVENT:
        return AddAlias(event);
      case YAML_SEQUENCE_START_EVENT:
        return Open(event, Yaml::Kind::kList, event.data.sequence_start.anchor);
      case YAML_MAPPING_START_EVENT:
        return Open(event, Yaml::Kind::kMap, event.data.mapping_start.anchor);
      case YAML_SEQUENCE_END_EVENT:
      case YAML_MAPPING_END_EVENT:
        return Close();
      default:
        return {};
    }
  }

  Yaml Take() { return std::move(root_.node); }

 private:
  // A list or map that is being read.
  struct Frame {
    Tree tree;
    std::string anchor;        // or empty
    std::optional<Yaml> key;   // a map's, until its value has come
    std::vector<Yaml> merged;  // a map's `<<`
  };

  static Yaml NodeAt(const yaml_event_t& event, Yaml::Kind kind) {
    Yaml node;
    node.kind = kind;
    node.line = Line(event.start_mark);
    node.column = static_cast<int>(event.start_mark.column) + 1;
    return node;
  }

  static Yaml Scalar(const yaml_event_t& event) {
    const auto& scalar = event.data.scalar;
    Yaml node = NodeAt(event, Yaml::Kind::kScalar);
    node.scalar.assign(reinterpret_cast<const char*>(scalar.value), scalar.length);
    node.quoted = scalar.style != YAML_PLAIN_SCALAR_STYLE ||
                  (scalar.tag != nullptr && Text(scalar.tag) == YAML_STR_TAG);
    for (const char* null : {"", "~", "null", "Null", "NULL"}) {
      if (!node.quoted && scalar.tag == nullptr && node.scalar == null) {
        return NodeAt(event, Yaml::Kind::kNull);
      }
    }
    return node;
  }

  // Whether so many more nodes, so high, may stand here.
  Status CheckBounds(const yaml_event_t& event, size_t nodes, size_t height) {
    const std::string at = AtLine(Line(event.start_mark));
    if (open_.size() + height > kDepthMax + 1) return Invalid(at + "nested too deeply");
    count_ += nodes;
    if (count_ > kNodesMax) return Invalid(at + "too many nodes (aliases inside aliases?)");
    return {};
  }

  Status AddAlias(const yaml_event_t& event) {
    const std::string name = Text(event.data.alias.anchor);
    const auto found = anchors_.find(name);
    if (found == anchors_.end()) {
      return Invalid(AtLine(Line(event.start_mark)) + "the alias '*" + name +
                     "' has no anchor that ends before it");
    }
    TRY(CheckBounds(event, found->second.nodes, found->second.height));
    return Complete(found->second, nullptr);
  }

  Status Open(const yaml_event_t& event, Yaml::Kind kind, const yaml_char_t* anchor) {
    TRY(CheckBounds(event, 1, 1));
    open_.push_back({.tree = {.node = NodeAt(event, kind)}});
    if (anchor != nullptr) open_.back().anchor = Text(anchor);
    return {};
  }

  Status Close() {
    Frame frame = std::move(open_.back());
    open_.pop_back();
    TRY(CheckKeys(frame.tree.node));
    if (!frame.merged.empty()) Merge(frame);
    const auto* anchor = reinterpret_cast<const yaml_char_t*>(frame.anchor.c_str());
    return Complete(std::move(frame.tree), frame.anchor.empty() ? nullptr : anchor);
  }

  static Status CheckKeys(const Yaml& map) {
    std::vector<const Yaml*> keys;
    for (const auto& [key, value] : map.entries) {
      if (key.IsScalar()) keys.push_back(&key);
    }
    std::ranges::stable_sort(keys, std::less(), &Yaml::scalar);
    const auto twice = std::ranges::adjacent_find(keys, std::equal_to(), &Yaml::scalar);
    if (twice == keys.end()) return {};
    const Yaml& second = **std::next(twice);
    return Invalid(AtLine(second.line) + "the key '" + second.scalar + "' stands twice");
  }

  // The entries of `<<` whose keys the map does not have; of several sources the first counts.
  static void Merge(Frame& frame) {
    auto& entries = frame.tree.node.entries;
    std::unordered_set<std::string> keys;
    for (const auto& [key, value] : entries) keys.insert(key.scalar);
    for (const Yaml& source : frame.merged) {
      for (const auto& entry : source.entries) {
        if (keys.insert(entry.first.scalar).second) entries.push_back(entry);
      }
    }
  }

  // Puts a whole tree where it belongs.
  Status Complete(Tree tree, const yaml_char_t* anchor) {
    if (anchor != nullptr) anchors_[Text(anchor)] = tree;
    if (open_.empty()) {
      root_ = std::move(tree);
      return {};
    }
    Frame& frame = open_.back();
    frame.tree.nodes += tree.nodes;
    frame.tree.height = std::max(frame.tree.height, tree.height + 1);
    if (frame.tree.node.IsList()) {
      frame.tree.node.items.push_back(std::move(tree.node));
    } else if (!frame.key) {
      frame.key = std::move(tree.node);
    } else {
      AddEntry(frame, std::move(tree.node));
    }
    return {};
  }

  static void AddEntry(Frame& frame, Yaml value) {
    Yaml key = *std::exchange(frame.key, std::nullopt);
    if (!key.IsScalar() || key.quoted || key.scalar != "<<") {
      frame.tree.node.entries.emplace_back(std::move(key), std::move(value));
    } else if (value.IsMap()) {
      frame.merged.push_back(std::move(value));
    } else {
      std::ranges::move(value.items, std::back_inserter(frame.merged));
    }
  }

  Tree root_;
  std::vector<Frame> open_;
  std::unordered_map<std::string, Tree> anchors_;
  size_t count_ = 0;
};

}  // namespace

const Yaml* Yaml::Find(std::string_view key) const {
  for (const auto& [name, value] : entries) {
    if (name.IsScalar() && name.scalar == key) return &value;
  }
  return nullptr;
}

Result<Yaml> ParseYaml(std::string_view text) {
  Events events(text);
  Builder builder;
  int documents = 0;
  while (true) {
    const yaml_event_t& event = *TRY(events.Next());
    if (event.type == YAML_STREAM_END_EVENT) return builder.Take();
    if (event.type == YAML_DOCUMENT_START_EVENT && ++documents > 1) {
      return Invalid(AtLine(Line(event.start_mark)) + "a second document begins; one is allowed");
    }
    TRY(builder.Add(event));
  }
}

}  // namespace tatara
