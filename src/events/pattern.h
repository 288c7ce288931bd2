// Event patterns in EventBridge's language (design law: OR inside a list, AND across fields).
//
//   {"source": ["tatara.alarm"], "detail": {"value": [{"numeric": [">", 10]}]}}
//
// Semantics, as event-ruler's where it does not contradict itself:
//  - a field is its dotted path: {"a": {"b": 1}} and {"a.b": 1} are the same field;
//  - arrays are transparent; two fields never match in different elements of one array;
//  - numbers compare by value (300 = 300.0 = 3e2); of doubled names the last counts;
//  - a leaf is a string, number, true, false or null; empty arrays and objects have no leaf;
//  - operators: prefix, suffix, equals-ignore-case, wildcard, numeric, exists, cidr, anything-but
//    and, between fields, $or.
// Pure. A Pattern is immutable: any thread. A RuleSet is built once, then Match from one thread at
// a time (it keeps scratch memory); copy the patterns to make another.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace tatara::events {

namespace pattern {
struct Compiled;
}

class Pattern {
 public:
  // From JSON text: number spelling and doubled names are seen as they stand.
  static Result<Pattern> Compile(std::string_view text);
  static Result<Pattern> FromJson(const Json& json) { return Compile(json.Dump()); }

  struct Verdict {
    bool matched = false;
    std::string reason;  // of a miss: "detail.x: 7 is not > 10"
  };
  // The event is any JSON object; kInvalid when it is no JSON object.
  Result<bool> Matches(std::string_view event) const;
  Result<Verdict> Explain(std::string_view event) const;

  const pattern::Compiled& compiled() const { return *compiled_; }

 private:
  explicit Pattern(std::shared_ptr<const pattern::Compiled> compiled)
      : compiled_(std::move(compiled)) {}
  std::shared_ptr<const pattern::Compiled> compiled_;  // shared by copies; immutable
};

// Many patterns at once: each event is read once, only fields that some pattern names are kept, and
// a pattern is looked at only when its most selective value occurs.
class RuleSet {
 public:
  RuleSet();
  ~RuleSet();
  RuleSet(RuleSet&&) noexcept;
  RuleSet& operator=(RuleSet&&) noexcept;

  // Ids are the caller's, each at most once in the answer.
  void Add(uint32_t id, const Pattern& pattern);
  // The ids of the patterns that match, ascending; kInvalid when the event is no JSON object.
  Result<std::vector<uint32_t>> Match(std::string_view event);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tatara::events
