#include "events/pattern.h"

#include <algorithm>

#include "base/json.h"
#include "events/compiled.h"

namespace tatara::events {
namespace pattern {
namespace {

// Beyond so many attempts to find consistent array elements an event is taken as no match.
constexpr int kStepsMax = 1'000'000;

bool AnyMatches(const Field& field, const Leaf& leaf) {
  for (const Clause& clause : field.clauses) {
    if (Matches(clause, leaf)) return true;
  }
  return false;
}

// Finds one leaf for each part so that no two stand in different elements of one array.
struct Search {
  const std::vector<Part>& parts;
  const EventReader& event;
  std::vector<int32_t> chosen = {};  // memberships of the leaves of the parts so far
  int steps = 0;

  bool Fits(int32_t membership) const {
    return std::ranges::all_of(chosen,
                               [&](int32_t other) { return event.Consistent(membership, other); });
  }

  bool From(size_t index) {
    if (index == parts.size()) return true;
    if (++steps > kStepsMax) return false;
    const Field& field = *parts[index].field;
    const auto leaves = event.LeavesOf(parts[index].number);
    const auto fits = [&](uint32_t i) { return Fits(event.leaves()[i].membership); };
    if (field.may_be_absent && std::ranges::none_of(leaves, fits) && From(index + 1)) return true;
    int32_t failed = -2;  // the same element again would fail again
    for (const uint32_t i : leaves) {
      const Leaf& leaf = event.leaves()[i];
      if (leaf.membership == failed || !AnyMatches(field, leaf) || !fits(i)) continue;
      chosen.push_back(leaf.membership);
      if (From(index + 1)) return true;
      chosen.pop_back();
      failed = leaf.membership;
    }
    return false;
  }
};

// Each part by itself, arrays or not: what must hold in any case, and all when there are no arrays.
bool EachSatisfied(const std::vector<Part>& parts, const EventReader& event) {
  for (const Part& part : parts) {
    const auto leaves = event.LeavesOf(part.number);
    if (leaves.empty()) {
      if (!part.field->may_be_absent) return false;
      continue;
    }
    const bool found = std::ranges::any_of(
        leaves, [&](uint32_t i) { return AnyMatches(*part.field, event.leaves()[i]); });
    // With arrays a field may be absent among the chosen elements.
    if (!found && !(part.field->may_be_absent && event.has_arrays())) return false;
  }
  return true;
}

}  // namespace

bool Satisfied(const std::vector<Part>& parts, const EventReader& event) {
  if (!EachSatisfied(parts, event)) return false;
  if (!event.has_arrays()) return true;
  return Search{parts, event}.From(0);
}

namespace {

std::string ListOf(const std::vector<Clause>& clauses) {
  std::string out;
  for (const Clause& clause : clauses) {
    out += (out.empty() ? "" : ", ") + Describe(clause);
  }
  return out;
}

// Why the parts are not satisfied: the first field that fails by itself, else the arrays.
std::string WhyNot(const std::vector<Part>& parts, const EventReader& event) {
  std::string paths;
  for (const Part& part : parts) {
    const Field& field = *part.field;
    paths += (paths.empty() ? "" : ", ") + field.path;
    const auto leaves = event.LeavesOf(part.number);
    if (leaves.empty()) {
      if (field.may_be_absent) continue;
      return field.path + ": it is not there, wanted " + ListOf(field.clauses);
    }
    const bool found = std::ranges::any_of(
        leaves, [&](uint32_t i) { return AnyMatches(field, event.leaves()[i]); });
    if (found || (field.may_be_absent && event.has_arrays())) continue;
    std::string values;
    for (const uint32_t i : leaves.first(std::min<size_t>(leaves.size(), 5))) {
      values += (values.empty() ? "" : ", ") + Describe(event.leaves()[i]);
    }
    if (leaves.size() > 5) values += ", ...";
    const bool one = field.clauses.size() == 1;
    return field.path + ": " + values + (leaves.size() > 1 ? " are" : " is") +
           (one ? " not " : " none of ") + ListOf(field.clauses);
  }
  return "no one array element satisfies all of " + paths;
}

Result<EventReader> ReadWhole(std::string_view event, const FieldTree& tree) {
  auto json = ParseJson(event, {.depth_max = 1000});
  if (!json) return std::unexpected(Prefixed("event", json.error()));
  EventReader reader;
  TRY(reader.Read(event, tree));
  return reader;
}

struct Numbered {
  FieldTree tree;
  std::vector<std::vector<Part>> conjunctions;
};

Numbered Number(const Compiled& compiled) {
  Numbered out;
  for (const Conjunction& conjunction : compiled.any) {
    std::vector<Part>& parts = out.conjunctions.emplace_back();
    for (const Field& field : conjunction) parts.push_back({out.tree.Add(field.path), &field});
  }
  return out;
}

}  // namespace
}  // namespace pattern

Result<Pattern> Pattern::Compile(std::string_view text) {
  auto compiled = pattern::Read(text);
  if (!compiled) return std::unexpected(Prefixed("pattern", compiled.error()));
  return Pattern(std::make_shared<const pattern::Compiled>(*std::move(compiled)));
}

Result<bool> Pattern::Matches(std::string_view event) const {
  const pattern::Numbered numbered = pattern::Number(*compiled_);
  const EventReader reader = TRY(pattern::ReadWhole(event, numbered.tree));
  return std::ranges::any_of(numbered.conjunctions,
                             [&](const auto& parts) { return pattern::Satisfied(parts, reader); });
}

Result<Pattern::Verdict> Pattern::Explain(std::string_view event) const {
  const pattern::Numbered numbered = pattern::Number(*compiled_);
  const EventReader reader = TRY(pattern::ReadWhole(event, numbered.tree));
  Verdict verdict;
  for (const auto& parts : numbered.conjunctions) {
    if (pattern::Satisfied(parts, reader)) return Verdict{true, ""};
    const std::string why = pattern::WhyNot(parts, reader);
    if (verdict.reason.find(why) != std::string::npos) continue;
    verdict.reason += (verdict.reason.empty() ? "" : "; or ") + why;
  }
  return verdict;
}

}  // namespace tatara::events
