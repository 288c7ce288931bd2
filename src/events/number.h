// Numbers of JSON compared by value, however they are spelled and however long. Private to events.
#pragma once

#include <string_view>

namespace tatara::events {

// A number's spelling with its nearest double. `exact`: at most 15 digits, so that two different
// numbers have different doubles. The text is borrowed.
struct Number {
  double value = 0;
  bool exact = true;
  std::string_view text;
};

// `text` must be a number of JSON.
Number ReadNumber(std::string_view text);
// Below 0, 0, above 0: as a - b.
int Compare(const Number& a, const Number& b);

}  // namespace tatara::events
