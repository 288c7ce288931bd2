// One value of a pattern's list, and one leaf of an event. Private to events; pure.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "events/number.h"

namespace tatara::events {

struct Leaf {
  enum class Kind : uint8_t { kText, kNumber, kTrue, kFalse, kNull };
  Kind kind = Kind::kNull;
  std::string_view text;  // unescaped, or the number's spelling
  Number number;          // kNumber
  uint32_t field = 0;
  int32_t membership = -1;  // of the innermost array element around it, see flatten.h
  bool dropped = false;     // its name came again in the same object
};

// An IP address as 4 or 16 bytes.
struct IpAddress {
  std::array<uint8_t, 16> bytes{};
  size_t size = 0;
  bool operator==(const IpAddress&) const = default;
};
// Dotted decimals, or hexadecimal groups; an IPv4-mapped IPv6 address is the IPv4 one.
std::optional<IpAddress> ReadIp(std::string_view text);

struct Clause {
  enum class Op {
    kText,
    kIp,  // a text that is an address: matches each spelling of it
    kTrue,
    kFalse,
    kNull,
    kNumber,
    kPrefix,
    kSuffix,
    kIgnoreCase,
    kPrefixIgnoreCase,
    kSuffixIgnoreCase,
    kWildcard,
    kRange,
    kCidr,
    kExists,
    kAbsent,
    kAnythingBut,
  };
  // A bound of kRange; none when text is empty.
  struct Bound {
    std::string text;
    double value = 0;
    bool exact = true;
    bool open = false;  // the bound itself is out
    Number AsNumber() const { return {value, exact, text}; }
    static Bound Of(std::string_view text, bool open);
  };

  Op op = Op::kNull;
  std::string text;  // what the operator compares with, unescaped
  Bound low, high;   // kRange; kNumber: low
  IpAddress ip, ip_last;
  // kIgnoreCase...: the spellings of each character. kWildcard: the texts between the stars.
  std::vector<std::vector<std::string>> letters;
  std::vector<std::string> pieces;
  std::vector<Clause> but;  // kAnythingBut: matches what none of these does
};

// Whether a leaf satisfies the clause; kAbsent never does.
bool Matches(const Clause& clause, const Leaf& leaf);
// "> 10", "\"abc\"", "prefix \"x\"": completes "7 is not ...".
std::string Describe(const Clause& clause);
std::string Describe(const Leaf& leaf);

// The spellings of each character of `text`: lower and upper case.
std::vector<std::vector<std::string>> LettersOf(std::string_view text);

}  // namespace tatara::events
