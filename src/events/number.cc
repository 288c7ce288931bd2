#include "events/number.h"

#include <charconv>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>

namespace tatara::events {
namespace {

constexpr int kExactDigits = 15;

// 0.DIGITS * 10^point; no digits: zero.
struct Decimal {
  bool negative = false;
  std::string digits;
  int64_t point = 0;
};

Decimal DecimalOf(std::string_view text) {
  Decimal out;
  size_t i = 0;
  if (!text.empty() && text[0] == '-') {
    out.negative = true;
    ++i;
  }
  bool after_dot = false;
  for (; i < text.size() && text[i] != 'e' && text[i] != 'E'; ++i) {
    if (text[i] == '.') {
      after_dot = true;
      continue;
    }
    if (out.digits.empty() && text[i] == '0') {
      out.point -= after_dot ? 1 : 0;
      continue;
    }
    out.digits += text[i];
    out.point += after_dot ? 0 : 1;
  }
  if (i < text.size()) {
    ++i;
    if (i < text.size() && text[i] == '+') ++i;
    int64_t exponent = 0;
    const auto read = std::from_chars(text.data() + i, text.data() + text.size(), exponent);
    if (read.ec == std::errc::result_out_of_range) {
      exponent = text[i] == '-' ? -1'000'000'000'000 : 1'000'000'000'000;
    }
    out.point += exponent;
  }
  while (!out.digits.empty() && out.digits.back() == '0') out.digits.pop_back();
  if (out.digits.empty()) out = Decimal{};
  return out;
}

int CompareDecimals(const Decimal& a, const Decimal& b) {
  const auto sign = [](const Decimal& d) { return d.digits.empty() ? 0 : d.negative ? -1 : 1; };
  if (sign(a) != sign(b)) return sign(a) < sign(b) ? -1 : 1;
  const int size = a.point != b.point ? (a.point < b.point ? -1 : 1) : a.digits.compare(b.digits);
  return a.negative ? -size : size;
}

}  // namespace

Number ReadNumber(std::string_view text) {
  Number out;
  out.text = text;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), out.value);
  int digits = 0;
  for (const char c : text) {
    if (c == 'e' || c == 'E') break;
    digits += c >= '0' && c <= '9' ? 1 : 0;
  }
  out.exact = digits <= kExactDigits && read.ec == std::errc() &&
              (out.value == 0 || (std::fabs(out.value) > 1e-290 && std::fabs(out.value) < 1e290));
  if (read.ec == std::errc::result_out_of_range) {
    const Decimal decimal = DecimalOf(text);
    out.value = decimal.point < 0 ? 0 : std::numeric_limits<double>::infinity();
    if (decimal.negative) out.value = -out.value;
  }
  return out;
}

int Compare(const Number& a, const Number& b) {
  if (a.value != b.value) return a.value < b.value ? -1 : 1;
  if (a.exact && b.exact) return 0;
  return CompareDecimals(DecimalOf(a.text), DecimalOf(b.text));
}

}  // namespace tatara::events
