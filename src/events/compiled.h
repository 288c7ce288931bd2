// A pattern after compilation. Private to events.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "events/clause.h"
#include "events/flatten.h"

namespace tatara::events::pattern {

struct Field {
  std::string path;
  std::vector<Clause> clauses;  // one of them must match
  bool may_be_absent = false;   // {"exists": false} is among them
};

// All fields must match; in order of path, since what must be absent is judged among the array
// elements that the fields before it matched in.
using Conjunction = std::vector<Field>;

struct Compiled {
  std::vector<Conjunction> any;  // `$or` multiplied out
};

// From JSON text.
Result<Compiled> Read(std::string_view text);

// A field of a conjunction in the numbering of some FieldTree.
struct Part {
  uint32_t number = 0;
  const Field* field = nullptr;
};

// Whether the leaves of the event that was read satisfy all parts, array-consistently.
bool Satisfied(const std::vector<Part>& parts, const EventReader& event);

}  // namespace tatara::events::pattern
