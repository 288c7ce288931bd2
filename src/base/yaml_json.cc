// Between YAML's tree and JSON: what a plain scalar means.
#include <charconv>
#include <cmath>
#include <limits>

#include "base/strings.h"
#include "base/yaml.h"

namespace tatara {
namespace {

bool IsDigits(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

// digits [. digits] [e digits], with at least one digit before the exponent.
bool IsFloat(std::string_view text) {
  if (text.starts_with('-') || text.starts_with('+')) text.remove_prefix(1);
  const size_t exponent = text.find_first_of("eE");
  std::string_view mantissa = text.substr(0, exponent);
  const size_t dot = mantissa.find('.');
  std::string digits(mantissa.substr(0, dot));
  if (dot != std::string_view::npos) digits += mantissa.substr(dot + 1);
  if (!IsDigits(digits)) return false;
  if (exponent == std::string_view::npos) return dot != std::string_view::npos;
  std::string_view power = text.substr(exponent + 1);
  if (power.starts_with('-') || power.starts_with('+')) power.remove_prefix(1);
  return IsDigits(power);
}

bool ResolveInt(std::string_view text, Json& out) {
  const bool negative = text.starts_with('-');
  std::string_view digits = text;
  if (negative || text.starts_with('+')) digits.remove_prefix(1);
  int base = 10;
  if (digits.starts_with("0o") || digits.starts_with("0x")) {
    base = digits[1] == 'o' ? 8 : 16;
    digits.remove_prefix(2);
  } else if (!IsDigits(digits)) {
    return false;
  }
  uint64_t value = 0;
  auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
  if (end != digits.data() + digits.size() || digits.empty()) return false;
  if (error != std::errc() || (negative && value > (1ULL << 63))) {
    double big = 0;
    if (base != 10 || !ParseDouble(digits, big)) return false;
    out = Json(negative ? -big : big);
    return true;
  }
  out = negative ? Json(static_cast<int64_t>(~value + 1)) : Json(value);
  return true;
}

Json ResolveScalar(const Yaml& node) {
  const std::string& text = node.scalar;
  if (node.quoted) return Json(text);
  if (text.empty() || text == "~" || text == "null" || text == "Null" || text == "NULL") return {};
  if (text == "true" || text == "True" || text == "TRUE") return Json(true);
  if (text == "false" || text == "False" || text == "FALSE") return Json(false);
  Json number;
  if (ResolveInt(text, number)) return number;
  double value = 0;
  if (IsFloat(text) && ParseDouble(text.starts_with('+') ? text.substr(1) : text, value)) {
    return Json(value);
  }
  const std::string lower = Lower(text);
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  if (lower == ".inf" || lower == "+.inf") return Json(kInfinity);
  if (lower == "-.inf") return Json(-kInfinity);
  if (lower == ".nan") return Json(std::nan(""));
  return Json(text);
}

}  // namespace

Json YamlToJson(const Yaml& node) {
  switch (node.kind) {
    case Yaml::Kind::kNull:
      return {};
    case Yaml::Kind::kScalar:
      return ResolveScalar(node);
    case Yaml::Kind::kList: {
      Json::Array items;
      for (const Yaml& item : node.items) items.push_back(YamlToJson(item));
      return Json(std::move(items));
    }
    case Yaml::Kind::kMap: {
      Json::Object members;
      for (const auto& [key, value] : node.entries) {
        members.emplace_back(key.scalar, YamlToJson(value));
      }
      return Json(std::move(members));
    }
  }
  return {};
}

Yaml JsonToYaml(const Json& json) {
  Yaml node;
  if (json.IsArray()) {
    node.kind = Yaml::Kind::kList;
    for (const Json& item : json.AsArray()) node.items.push_back(JsonToYaml(item));
  } else if (json.IsObject()) {
    node.kind = Yaml::Kind::kMap;
    for (const auto& [name, value] : json.AsObject()) {
      if (json.Find(name) != &value) continue;
      Yaml key;
      key.kind = Yaml::Kind::kScalar;
      key.scalar = name;
      key.quoted = true;
      node.entries.emplace_back(std::move(key), JsonToYaml(value));
    }
  } else if (!json.IsNull()) {
    node.kind = Yaml::Kind::kScalar;
    node.quoted = json.IsString();
    node.scalar = json.IsString() ? json.AsString() : json.Dump();
  }
  return node;
}

}  // namespace tatara
