// YAML in: a tree that keeps each node's line and how its scalar was written (libyaml inside).
//
// Scalars stay text, since who reads decides what a number is: tatara.yaml and DVC (YAML 1.2)
// differ from YAML 1.1 readers. Anchors and aliases are resolved; merge keys (`<<`) are applied.
// A doubled key is an error. Plain values; one thread.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace tatara {

struct Yaml {
  enum class Kind { kNull, kScalar, kList, kMap };
  using Entry = std::pair<Yaml, Yaml>;  // key, value

  Kind kind = Kind::kNull;
  std::string scalar;          // kScalar
  bool quoted = false;         // a quoted or block scalar: always text, never null or a number
  std::vector<Yaml> items;     // kList
  std::vector<Entry> entries;  // kMap, in the file's order
  int line = 0;                // from 1; 0: nowhere
  int column = 0;              // from 1

  bool IsNull() const { return kind == Kind::kNull; }
  bool IsScalar() const { return kind == Kind::kScalar; }
  bool IsList() const { return kind == Kind::kList; }
  bool IsMap() const { return kind == Kind::kMap; }
  // The value under a key of a map, or null.
  const Yaml* Find(std::string_view key) const;
};

// One document (an empty text is kNull). The error begins with "line N: ".
Result<Yaml> ParseYaml(std::string_view text);

// A plain scalar resolved by YAML 1.2's core schema (null, true/false, integers with 0o and 0x,
// floats with .inf and .nan); quoted scalars are strings. Lists and maps become arrays and objects.
Json YamlToJson(const Yaml& node);

// The same tree from JSON, for readers that take both (line 0); of doubled names the last counts.
Yaml JsonToYaml(const Json& json);

}  // namespace tatara
