#include "events/clause.h"

#include <arpa/inet.h>
#include <wctype.h>

#include <algorithm>
#include <charconv>
#include <clocale>
#include <cstring>

#include "base/json.h"

namespace tatara::events {
namespace {

using Letters = std::vector<std::vector<std::string>>;

std::optional<IpAddress> ReadIp4(std::string_view text) {
  IpAddress out;
  const char* at = text.data();
  const char* end = at + text.size();
  while (out.size < 4) {
    if (at == end || *at < '0' || *at > '9') return std::nullopt;
    uint32_t number = 0;
    const auto read = std::from_chars(at, end, number);
    if (read.ec != std::errc() || number > 255) return std::nullopt;
    out.bytes[out.size++] = static_cast<uint8_t>(number);
    at = read.ptr;
    if (out.size == 4) break;
    if (at == end || *at++ != '.') return std::nullopt;
  }
  return at == end ? std::optional(out) : std::nullopt;
}

std::optional<IpAddress> ReadIp6(std::string_view text) {
  if (text.size() > 45 || text.find('.') != std::string_view::npos) return std::nullopt;
  IpAddress out;
  if (inet_pton(AF_INET6, std::string(text).c_str(), out.bytes.data()) != 1) return std::nullopt;
  static constexpr uint8_t kMapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  if (std::memcmp(out.bytes.data(), kMapped, sizeof(kMapped)) == 0) {
    std::copy(out.bytes.begin() + 12, out.bytes.end(), out.bytes.begin());
    std::fill(out.bytes.begin() + 4, out.bytes.end(), 0);
    out.size = 4;
  } else {
    out.size = 16;
  }
  return out;
}

// Matches all letters from `index` on at the head of `text`; `whole`: nothing may be left.
bool HeadMatches(const Letters& letters, size_t index, std::string_view text, bool whole) {
  if (index == letters.size()) return !whole || text.empty();
  return std::ranges::any_of(letters[index], [&](const std::string& letter) {
    return text.starts_with(letter) &&
           HeadMatches(letters, index + 1, text.substr(letter.size()), whole);
  });
}

// Matches the first `count` letters at the tail of `text`.
bool TailMatches(const Letters& letters, size_t count, std::string_view text) {
  if (count == 0) return true;
  return std::ranges::any_of(letters[count - 1], [&](const std::string& letter) {
    return text.ends_with(letter) &&
           TailMatches(letters, count - 1, text.substr(0, text.size() - letter.size()));
  });
}

// `pieces` are the texts between stars: the first at the head, the last at the tail, the others
// anywhere between, in order.
bool WildcardMatches(const std::vector<std::string>& pieces, std::string_view text) {
  if (pieces.size() == 1) return text == pieces[0];
  const std::string& last = pieces.back();
  if (!text.starts_with(pieces[0])) return false;
  text.remove_prefix(pieces[0].size());
  for (size_t i = 1; i + 1 < pieces.size(); ++i) {
    const size_t found = text.find(pieces[i]);
    if (found == std::string_view::npos) return false;
    text.remove_prefix(found + pieces[i].size());
  }
  return text.ends_with(last);
}

bool InRange(const Clause& clause, const Number& number) {
  const auto inside = [&](const Clause::Bound& bound, int direction) {
    if (bound.text.empty()) return true;
    const int order = Compare(number, bound.AsNumber()) * direction;
    return order > 0 || (order == 0 && !bound.open);
  };
  return inside(clause.low, 1) && inside(clause.high, -1);
}

bool InCidr(const Clause& clause, std::string_view text) {
  const auto ip = ReadIp(text);
  if (!ip || ip->size != clause.ip.size) return false;
  return std::memcmp(ip->bytes.data(), clause.ip.bytes.data(), ip->size) >= 0 &&
         std::memcmp(ip->bytes.data(), clause.ip_last.bytes.data(), ip->size) <= 0;
}

bool TextMatches(const Clause& clause, std::string_view text) {
  using Op = Clause::Op;
  switch (clause.op) {
    case Op::kText:
      return text == clause.text;
    case Op::kIp:
      return text == clause.text || ReadIp(text) == clause.ip;
    case Op::kPrefix:
      return text.starts_with(clause.text);
    case Op::kSuffix:
      return text.ends_with(clause.text);
    case Op::kIgnoreCase:
      return HeadMatches(clause.letters, 0, text, true);
    case Op::kPrefixIgnoreCase:
      return HeadMatches(clause.letters, 0, text, false);
    case Op::kSuffixIgnoreCase:
      return TailMatches(clause.letters, clause.letters.size(), text);
    case Op::kWildcard:
      return WildcardMatches(clause.pieces, text);
    case Op::kCidr:
      return InCidr(clause, text);
    default:
      return false;
  }
}

std::string Quoted(std::string_view text) {
  std::string out;
  AppendJsonString(out, text);
  return out;
}

std::string DescribeRange(const Clause& clause) {
  std::string out;
  if (!clause.low.text.empty()) out = (clause.low.open ? "> " : ">= ") + clause.low.text;
  if (clause.high.text.empty()) return out;
  if (!out.empty()) out += " and ";
  return out + (clause.high.open ? "< " : "<= ") + clause.high.text;
}

void AppendUtf8(std::string& out, char32_t c) {
  if (c < 0x80) {
    out += static_cast<char>(c);
  } else if (c < 0x800) {
    out += static_cast<char>(0xC0 | (c >> 6));
    out += static_cast<char>(0x80 | (c & 0x3F));
  } else {
    out += static_cast<char>(0xE0 | (c >> 12));
    out += static_cast<char>(0x80 | ((c >> 6) & 0x3F));
    out += static_cast<char>(0x80 | (c & 0x3F));
  }
}

// The character at the head of valid UTF-8, and how many bytes it takes.
std::pair<char32_t, size_t> FirstCharacter(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  if (byte(0) < 0x80) return {byte(0), 1};
  if (byte(0) < 0xE0 && text.size() >= 2) return {(byte(0) & 0x1Fu) << 6 | (byte(1) & 0x3Fu), 2};
  if (byte(0) < 0xF0 && text.size() >= 3) {
    return {(byte(0) & 0x0Fu) << 12 | (byte(1) & 0x3Fu) << 6 | (byte(2) & 0x3Fu), 3};
  }
  return {0x10000, std::min<size_t>(4, text.size())};  // beyond the basic plane: no case
}

// The case tables of the C library, whatever the process's own locale is.
locale_t UnicodeLocale() {
  static const locale_t kLocale = newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
  return kLocale;
}

}  // namespace

std::optional<IpAddress> ReadIp(std::string_view text) {
  if (text.empty()) return std::nullopt;
  if (text.find(':') != std::string_view::npos) return ReadIp6(text);
  return ReadIp4(text);
}

Clause::Bound Clause::Bound::Of(std::string_view text, bool open) {
  const Number number = ReadNumber(text);
  return {std::string(text), number.value, number.exact, open};
}

Letters LettersOf(std::string_view text) {
  constexpr char32_t kSharpS = 0xDF;
  Letters out;
  while (!text.empty()) {
    const auto [c, size] = FirstCharacter(text);
    std::vector<std::string> spellings;
    if (c == kSharpS) {
      spellings = {std::string(text.substr(0, size)), "SS"};
    } else if (c < 0x10000 && UnicodeLocale() != nullptr) {
      std::string lower, upper;
      AppendUtf8(lower, static_cast<char32_t>(towlower_l(static_cast<wint_t>(c), UnicodeLocale())));
      AppendUtf8(upper, static_cast<char32_t>(towupper_l(static_cast<wint_t>(c), UnicodeLocale())));
      spellings = {lower};
      if (upper != lower) spellings.push_back(upper);
    } else {
      spellings = {std::string(text.substr(0, size))};
    }
    out.push_back(std::move(spellings));
    text.remove_prefix(size);
  }
  return out;
}

bool Matches(const Clause& clause, const Leaf& leaf) {
  using Op = Clause::Op;
  switch (clause.op) {
    case Op::kExists:
      return true;
    case Op::kAbsent:
      return false;
    case Op::kAnythingBut:
      return std::ranges::none_of(clause.but,
                                  [&](const Clause& but) { return Matches(but, leaf); });
    case Op::kTrue:
      return leaf.kind == Leaf::Kind::kTrue;
    case Op::kFalse:
      return leaf.kind == Leaf::Kind::kFalse;
    case Op::kNull:
      return leaf.kind == Leaf::Kind::kNull;
    case Op::kNumber:
      return leaf.kind == Leaf::Kind::kNumber && Compare(leaf.number, clause.low.AsNumber()) == 0;
    case Op::kRange:
      return leaf.kind == Leaf::Kind::kNumber && InRange(clause, leaf.number);
    default:
      return leaf.kind == Leaf::Kind::kText && TextMatches(clause, leaf.text);
  }
}

std::string Describe(const Clause& clause) {
  using Op = Clause::Op;
  switch (clause.op) {
    case Op::kText:
    case Op::kIp:
      return Quoted(clause.text);
    case Op::kTrue:
      return "true";
    case Op::kFalse:
      return "false";
    case Op::kNull:
      return "null";
    case Op::kNumber:
      return clause.low.text;
    case Op::kPrefix:
      return "a text that begins with " + Quoted(clause.text);
    case Op::kSuffix:
      return "a text that ends with " + Quoted(clause.text);
    case Op::kIgnoreCase:
      return Quoted(clause.text) + " in any case";
    case Op::kPrefixIgnoreCase:
      return "a text that begins with " + Quoted(clause.text) + " in any case";
    case Op::kSuffixIgnoreCase:
      return "a text that ends with " + Quoted(clause.text) + " in any case";
    case Op::kWildcard:
      return "like " + Quoted(clause.text);
    case Op::kRange:
      return DescribeRange(clause);
    case Op::kCidr:
      return "an address in " + clause.text;
    case Op::kExists:
      return "there";
    case Op::kAbsent:
      return "absent";
    case Op::kAnythingBut:
      break;
  }
  std::string out;
  for (const Clause& but : clause.but) out += (out.empty() ? "" : " or ") + Describe(but);
  return "anything but " + out;
}

std::string Describe(const Leaf& leaf) {
  switch (leaf.kind) {
    case Leaf::Kind::kText:
      return Quoted(leaf.text);
    case Leaf::Kind::kNumber:
      return std::string(leaf.text);
    case Leaf::Kind::kTrue:
      return "true";
    case Leaf::Kind::kFalse:
      return "false";
    case Leaf::Kind::kNull:
      return "null";
  }
  return "";
}

}  // namespace tatara::events
