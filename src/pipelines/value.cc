#include "pipelines/value.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>

#include "base/strings.h"
#include "base/yaml_fields.h"

namespace tatara::pipelines {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// Takes the characters that `accept` takes and says how many there were.
template <class Accept>
size_t Take(std::string_view& text, Accept accept) {
  size_t count = 0;
  while (count < text.size() && accept(text[count])) ++count;
  text.remove_prefix(count);
  return count;
}

bool TakeSign(std::string_view& text) {
  if (text.empty() || (text[0] != '-' && text[0] != '+')) return false;
  text.remove_prefix(1);
  return true;
}

bool DigitOrUnderscore(char c) { return IsDigit(c) || c == '_'; }

// `e`, a sign (or none, where `sign_needed` is false) and digits; also nothing at all.
bool IsExponentOrEmpty(std::string_view text, bool sign_needed) {
  if (text.empty()) return true;
  if (text[0] != 'e' && text[0] != 'E') return false;
  text.remove_prefix(1);
  if (!TakeSign(text) && sign_needed) return false;
  return Take(text, IsDigit) > 0 && text.empty();
}

// ruamel's pattern for a YAML 1.2 float, without the special values.
bool IsFloatText(std::string_view text) {
  TakeSign(text);
  if (text.empty()) return false;
  if (text[0] == '.') {
    text.remove_prefix(1);
    return Take(text, DigitOrUnderscore) > 0 && IsExponentOrEmpty(text, true);
  }
  if (!IsDigit(text[0])) return false;
  Take(text, DigitOrUnderscore);
  if (text.empty()) return false;
  if (text[0] != '.') return IsExponentOrEmpty(text, false);
  text.remove_prefix(1);
  Take(text, DigitOrUnderscore);
  return IsExponentOrEmpty(text, false);
}

// The digits and the base of an integer, or nothing.
std::optional<std::pair<std::string, int>> IntegerDigits(std::string_view text) {
  if (text.empty() || (!IsDigit(text[0]) && text[0] != '-' && text[0] != '+')) return {};
  TakeSign(text);
  int base = 10;
  if (text.starts_with("0b")) base = 2;
  if (text.starts_with("0o")) base = 8;
  if (text.starts_with("0x")) base = 16;
  if (base != 10) text.remove_prefix(2);
  const bool good = !text.empty() && std::ranges::all_of(text, [base](char c) {
    if (c == '_') return true;
    if (base == 16) return std::isxdigit(static_cast<unsigned char>(c)) != 0;
    return c >= '0' && c < '0' + base;
  });
  std::string digits = good ? ReplaceAll(text, "_", "") : "";
  if (digits.empty()) return {};
  return std::pair(std::move(digits), base);
}

bool IsDate(std::string_view text) {
  const auto digits = [&](size_t most) {
    size_t count = 0;
    while (count < most && count < text.size() && IsDigit(text[count])) ++count;
    text.remove_prefix(count);
    return count;
  };
  const auto dash = [&](char c) {
    if (text.empty() || text[0] != c) return false;
    text.remove_prefix(1);
    return true;
  };
  if (digits(4) != 4 || !dash('-')) return false;
  const size_t month = digits(2);
  if (month == 0 || !dash('-')) return false;
  const size_t day = digits(2);
  if (day == 0) return false;
  if (text.empty()) return month == 2 && day == 2;
  if (text[0] != 'T' && text[0] != 't' && text[0] != ' ' && text[0] != '\t') return false;
  while (!text.empty() && (text[0] == ' ' || text[0] == '\t')) text.remove_prefix(1);
  if (!text.empty() && (text[0] == 'T' || text[0] == 't')) text.remove_prefix(1);
  return digits(2) > 0 && dash(':') && digits(2) == 2 && dash(':') && digits(2) == 2;
}

std::optional<double> SpecialFloat(std::string_view text) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  if (text == ".nan" || text == ".NaN" || text == ".NAN") return std::nan("");
  const bool negative = text.starts_with('-');
  TakeSign(text);
  if (text == ".inf" || text == ".Inf" || text == ".INF") return negative ? -kInfinity : kInfinity;
  return {};
}

bool IsNullText(std::string_view text) {
  return text.empty() || text == "~" || text == "null" || text == "Null" || text == "NULL";
}
bool IsTrueText(std::string_view text) {
  return text == "true" || text == "True" || text == "TRUE";
}
bool IsFalseText(std::string_view text) {
  return text == "false" || text == "False" || text == "FALSE";
}

Result<Value> FromScalar(const Yaml& node) {
  const std::string& text = node.scalar;
  if (node.quoted) return Value(text);
  if (IsNullText(text)) return Value();
  if (IsTrueText(text)) return Value(true);
  if (IsFalseText(text)) return Value(false);
  if (auto special = SpecialFloat(text)) return Value(*special);
  if (IsFloatText(text)) {
    std::string digits = ReplaceAll(text, "_", "");
    if (digits.starts_with('+')) digits.erase(0, 1);
    // Out of range is inf or 0 in Python, and in strtod.
    return Value(std::strtod(digits.c_str(), nullptr));
  }
  if (auto integer = IntegerDigits(text)) {
    const bool negative = text.starts_with('-');
    const std::string digits = (negative ? "-" : "") + integer->first;
    int64_t value = 0;
    auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), value, integer->second);
    if (error != std::errc() || end != digits.data() + digits.size()) {
      return std::unexpected(YamlError(node, "the integer " + text + " is beyond 64 bits"));
    }
    return Value(value);
  }
  if (IsDate(text)) {
    return std::unexpected(
        YamlError(node, "the date " + text + " must be quoted: DVC cannot keep a date"));
  }
  return Value(text);
}

void AppendPythonString(std::string& out, std::string_view text) {
  out += '"';
  const auto escape = [&](uint32_t unit) {
    char buffer[16];
    std::snprintf(buffer, sizeof buffer, "\\u%04x", unit);
    out += buffer;
  };
  for (size_t i = 0; i < text.size();) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte < 0x80) {
      ++i;
      constexpr std::string_view kPlain = "\"\\\n\r\t\b\f", kLetters = "\"\\nrtbf";
      if (const size_t at = kPlain.find(static_cast<char>(byte)); at != std::string_view::npos) {
        out += '\\';
        out += kLetters[at];
      } else if (byte < 0x20 || byte == 0x7f) {
        if (byte == 0x7f)
          out += static_cast<char>(byte);
        else
          escape(byte);
      } else {
        out += static_cast<char>(byte);
      }
      continue;
    }
    const size_t length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
    uint32_t point = byte & (0xffU >> (length + 1));
    for (size_t k = 1; k < length && i + k < text.size(); ++k) {
      point = (point << 6) | (static_cast<unsigned char>(text[i + k]) & 0x3fU);
    }
    i += length;
    if (point >= 0x10000) {
      escape(0xd800 + ((point - 0x10000) >> 10));
      escape(0xdc00 + ((point - 0x10000) & 0x3ff));
    } else {
      escape(point);
    }
  }
  out += '"';
}

std::string JsonKeyText(const Value& key) {
  if (key.IsString()) return key.AsString();
  if (key.IsNone()) return "null";
  return key.IsFloat() ? FloatText(key.AsFloat()) : ScalarText(key);
}

void AppendPythonJson(std::string& out, const Value& value,
                      const std::vector<std::string_view>& without) {
  if (value.IsNone()) {
    out += "null";
  } else if (value.IsString()) {
    AppendPythonString(out, value.AsString());
  } else if (value.IsFloat()) {
    const double number = value.AsFloat();
    out += std::isnan(number)   ? "NaN"
           : std::isinf(number) ? (number < 0 ? "-Infinity" : "Infinity")
                                : FloatText(number);
  } else if (value.IsScalar()) {
    out += ScalarText(value);
  } else if (value.IsList()) {
    out += '[';
    for (const Value& item : value.AsList()) {
      if (out.back() != '[' || &item != value.AsList().data()) out += ", ";
      AppendPythonJson(out, item, without);
    }
    out += ']';
  } else {
    std::vector<const std::pair<Value, Value>*> members;
    for (const auto& member : value.AsMap()) {
      const Value& key = member.first;
      if (key.IsString() && std::ranges::find(without, key.AsString()) != without.end()) continue;
      members.push_back(&member);
    }
    std::ranges::sort(members, [](const auto* a, const auto* b) {
      if (a->first.IsInt() && b->first.IsInt()) return a->first.AsInt() < b->first.AsInt();
      return JsonKeyText(a->first) < JsonKeyText(b->first);
    });
    out += '{';
    for (size_t i = 0; i < members.size(); ++i) {
      if (i > 0) out += ", ";
      AppendPythonString(out, JsonKeyText(members[i]->first));
      out += ": ";
      AppendPythonJson(out, members[i]->second, without);
    }
    out += '}';
  }
}

}  // namespace

std::string_view Value::TypeName() const {
  if (IsNone()) return "NoneType";
  if (IsBool()) return "bool";
  if (IsInt()) return "int";
  if (IsFloat()) return "float";
  if (IsString()) return "str";
  return IsList() ? "list" : "dict";
}

const Value* Value::Find(std::string_view key) const {
  if (!IsMap()) return nullptr;
  for (const auto& [name, value] : AsMap()) {
    if (name.IsString() && name.AsString() == key) return &value;
  }
  return nullptr;
}

Value* Value::Find(std::string_view key) {
  return const_cast<Value*>(static_cast<const Value*>(this)->Find(key));
}

void Value::Set(std::string_view key, Value value) {
  if (Value* old = Find(key)) {
    *old = std::move(value);
    return;
  }
  if (!IsMap()) value_ = Map{};
  AsMap().emplace_back(Value(std::string(key)), std::move(value));
}

const Value* Value::At(std::string_view path) const {
  const Value* at = this;
  for (const std::string& part : Split(path, '.')) {
    const Value* next = nullptr;
    if (at->IsMap()) {
      for (const auto& [key, value] : at->AsMap()) {
        if (key.IsScalar() && (key.IsString() ? key.AsString() : ScalarText(key)) == part) {
          next = &value;
        }
      }
    } else if (at->IsList()) {
      int64_t index = 0;
      const auto& list = at->AsList();
      if (ParseInt(part, index) && index >= 0 && index < static_cast<int64_t>(list.size())) {
        next = &list[static_cast<size_t>(index)];
      }
    }
    if (next == nullptr) return nullptr;
    at = next;
  }
  return at;
}

bool Equals(const Value& a, const Value& b) {
  if (a.IsNumber() && b.IsNumber()) {
    if (!a.IsFloat() && !b.IsFloat()) {
      return (a.IsBool() ? a.AsBool() : a.AsInt()) == (b.IsBool() ? b.AsBool() : b.AsInt());
    }
    const auto number = [](const Value& v) {
      return v.IsFloat() ? v.AsFloat() : static_cast<double>(v.IsBool() ? v.AsBool() : v.AsInt());
    };
    return number(a) == number(b);
  }
  if (a.IsNone() || b.IsNone()) return a.IsNone() && b.IsNone();
  if (a.IsString()) return b.IsString() && a.AsString() == b.AsString();
  if (a.IsList()) return b.IsList() && std::ranges::equal(a.AsList(), b.AsList(), Equals);
  if (!a.IsMap() || !b.IsMap() || a.AsMap().size() != b.AsMap().size()) return false;
  return std::ranges::all_of(a.AsMap(), [&](const auto& member) {
    return std::ranges::any_of(b.AsMap(), [&](const auto& other) {
      return Equals(member.first, other.first) && Equals(member.second, other.second);
    });
  });
}

Result<Value> FromYaml(const Yaml& node) {
  switch (node.kind) {
    case Yaml::Kind::kNull:
      return Value();
    case Yaml::Kind::kScalar:
      return FromScalar(node);
    case Yaml::Kind::kList: {
      Value::List list;
      for (const Yaml& item : node.items) list.push_back(TRY(FromYaml(item)));
      return Value(std::move(list));
    }
    case Yaml::Kind::kMap: {
      Value::Map map;
      for (const auto& [key, value] : node.entries) {
        Value name = TRY(FromYaml(key));
        if (!name.IsScalar()) {
          return std::unexpected(YamlError(key, "a key must be a plain value"));
        }
        map.emplace_back(std::move(name), TRY(FromYaml(value)));
      }
      return Value(std::move(map));
    }
  }
  return Value();
}

Value FromJson(const Json& json) {
  if (json.IsBool()) return Value(json.AsBool());
  if (json.IsInt()) return Value(json.AsInt());
  if (json.IsNumber()) return Value(json.AsDouble());
  if (json.IsString()) return Value(json.AsString());
  if (json.IsArray()) {
    Value::List list;
    for (const Json& item : json.AsArray()) list.push_back(FromJson(item));
    return Value(std::move(list));
  }
  if (json.IsObject()) {
    Value map = Value::MakeMap();
    for (const auto& [name, value] : json.AsObject()) map.Set(name, FromJson(value));
    return map;
  }
  return Value();
}

Json ToJson(const Value& value) {
  if (value.IsNone()) return Json();
  if (value.IsBool()) return Json(value.AsBool());
  if (value.IsInt()) return Json(value.AsInt());
  if (value.IsFloat()) return Json(value.AsFloat());
  if (value.IsString()) return Json(value.AsString());
  if (value.IsList()) {
    Json::Array list;
    for (const Value& item : value.AsList()) list.push_back(ToJson(item));
    return Json(std::move(list));
  }
  Json::Object map;
  for (const auto& [key, item] : value.AsMap()) map.emplace_back(JsonKeyText(key), ToJson(item));
  return Json(std::move(map));
}

std::string FloatText(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  char buffer[64];
  auto shortest =
      std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::scientific);
  const std::string text(buffer, shortest.ptr);
  const size_t mark = text.find('e');
  int64_t exponent = 0;
  std::string_view power = std::string_view(text).substr(mark + 1);
  if (power.starts_with('+')) power.remove_prefix(1);
  (void)ParseInt(power, exponent);
  if (exponent >= -4 && exponent < 16) {  // repr's rule for the fixed form
    auto fixed = std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::fixed);
    std::string out(buffer, fixed.ptr);
    return out.find('.') == std::string::npos ? out + ".0" : out;
  }
  return text;
}

std::string ScalarText(const Value& value) {
  if (value.IsNone()) return "None";
  if (value.IsBool()) return value.AsBool() ? "true" : "false";
  if (value.IsInt()) return std::to_string(value.AsInt());
  if (value.IsFloat()) return FloatText(value.AsFloat());
  return value.IsString() ? value.AsString() : std::string();
}

std::string ShowValue(const Value& value) {
  if (value.IsNone()) return "null";
  std::string text = value.IsScalar() ? ScalarText(value) : PythonJson(value);
  constexpr size_t kShown = 60;
  if (text.size() > kShown && value.IsScalar() == false) text = text.substr(0, kShown) + "...";
  return text;
}

std::string PythonJson(const Value& value, const std::vector<std::string_view>& without) {
  std::string out;
  AppendPythonJson(out, value, without);
  return out;
}

bool PlainTextIsNoString(std::string_view text) {
  return IsNullText(text) || IsTrueText(text) || IsFalseText(text) ||
         SpecialFloat(text).has_value() || IsFloatText(text) || IntegerDigits(text).has_value() ||
         IsDate(text) || text == "<<" || text == "=";
}

}  // namespace tatara::pipelines
