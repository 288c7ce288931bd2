// From an event's JSON to the leaves that patterns ask for. Private to events.
//
// FieldTree holds the dotted paths that some pattern names; EventReader walks an event along it and
// skips all the rest unread.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "events/clause.h"

namespace tatara::events {

class FieldTree {
 public:
  FieldTree() : nodes_(1) {}
  // The field's number; the same for equal paths.
  uint32_t Add(std::string_view path);
  size_t field_count() const { return field_count_; }

  // The node that `name` leads to from `node`, or -1. A name with dots leads several steps down.
  int Child(int node, std::string_view name) const;
  int FieldOf(int node) const { return nodes_[static_cast<size_t>(node)].field; }

 private:
  struct Node {
    std::vector<std::pair<std::string, int>> children;
    std::unordered_map<std::string_view, int> by_name;  // only where there are many
    int field = -1;
  };
  int Step(int node, std::string_view name) const;
  int AddStep(int node, std::string_view name);

  std::vector<Node> nodes_;
  size_t field_count_ = 0;
};

// One element of one array, and the element of the array around it (-1: none).
struct Membership {
  int32_t parent = -1;
  int32_t array = 0;
  int32_t index = 0;
};

class EventReader {
 public:
  EventReader();
  ~EventReader();
  EventReader(EventReader&&) noexcept;
  EventReader& operator=(EventReader&&) noexcept;

  // Reads the leaves of the tree's fields; views into them live until the next Read. What the tree
  // does not name is only skipped: it is not proved to be valid JSON.
  Status Read(std::string_view event, const FieldTree& tree);

  const std::vector<Leaf>& leaves() const { return leaves_; }
  // Numbers of the leaves of a field, in the event's order; empty when it is absent.
  std::span<const uint32_t> LeavesOf(uint32_t field) const { return by_field_[field]; }
  // The fields that occur.
  const std::vector<uint32_t>& fields() const { return touched_; }
  bool has_arrays() const { return !memberships_.empty(); }
  // Whether two leaves may match together: never in different elements of one array.
  bool Consistent(int32_t a, int32_t b) const;

 private:
  struct Json;  // simdjson's state
  friend struct Walk;

  std::unique_ptr<Json> json_;
  std::vector<Leaf> leaves_;
  std::vector<std::vector<uint32_t>> by_field_;
  std::vector<uint32_t> touched_;
  std::vector<Membership> memberships_;
};

}  // namespace tatara::events
