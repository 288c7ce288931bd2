#include "base/yaml.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <charconv>
#include <cmath>
#include <limits>
#include <sstream>

#include "base/strings.h"

namespace tatara {
namespace {

constexpr int kDepthMax = 200;
constexpr size_t kNodesMax = 2'000'000;  // a bound on what aliases may multiply into

struct Builder {
  size_t nodes = 0;

  Result<Yaml> Build(const YAML::Node& node, int depth) {
    Yaml out;
    out.line = node.Mark().line + 1;
    out.column = node.Mark().column + 1;
    const auto at = "line " + std::to_string(out.line) + ": ";
    if (depth > kDepthMax) return Invalid(at + "nested too deeply");
    if (++nodes > kNodesMax) return Invalid(at + "too many nodes (aliases inside aliases?)");
    if (node.IsScalar()) {
      out.kind = Yaml::Kind::kScalar;
      out.scalar = node.Scalar();
      out.quoted = node.Tag() == "!";
    } else if (node.IsSequence()) {
      out.kind = Yaml::Kind::kList;
      for (const auto& item : node) out.items.push_back(TRY(Build(item, depth + 1)));
    } else if (node.IsMap()) {
      out.kind = Yaml::Kind::kMap;
      TRY(BuildMap(node, depth, out));
    }
    return out;
  }

  Status BuildMap(const YAML::Node& node, int depth, Yaml& out) {
    std::vector<Yaml> merged;
    for (const auto& pair : node) {
      Yaml key = TRY(Build(pair.first, depth + 1));
      Yaml value = TRY(Build(pair.second, depth + 1));
      if (key.IsScalar() && !key.quoted && key.scalar == "<<") {
        if (value.IsMap())
          merged.push_back(std::move(value));
        else if (value.IsList())
          merged = std::move(value.items);
        continue;
      }
      if (key.IsScalar() && out.Find(key.scalar) != nullptr) {
        return Invalid("line " + std::to_string(key.line) + ": the key '" + key.scalar +
                       "' stands twice");
      }
      out.entries.emplace_back(std::move(key), std::move(value));
    }
    for (const Yaml& source : merged) {
      for (const auto& [key, value] : source.entries) {
        if (out.Find(key.scalar) == nullptr) out.entries.emplace_back(key, value);
      }
    }
    return {};
  }
};

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

// Where documents begin; whether one holds anything.
class Documents : public YAML::EventHandler {
 public:
  int line = 0;
  bool empty = true;

  void OnDocumentStart(const YAML::Mark& mark) override { line = mark.line + 1; }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark&, YAML::anchor_t) override {}
  void OnAlias(const YAML::Mark&, YAML::anchor_t) override { empty = false; }
  void OnScalar(const YAML::Mark&, const std::string&, YAML::anchor_t,
                const std::string&) override {
    empty = false;
  }
  void OnSequenceStart(const YAML::Mark&, const std::string&, YAML::anchor_t,
                       YAML::EmitterStyle::value) override {
    empty = false;
  }
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark&, const std::string&, YAML::anchor_t,
                  YAML::EmitterStyle::value) override {
    empty = false;
  }
  void OnMapEnd() override {}
};

// Not by LoadAll: where a stray bracket ends the first document, it finds empty ones for ever.
Status CheckOneDocument(const std::string& input) {
  std::istringstream stream(input);
  YAML::Parser parser(stream);
  Documents first, second;
  if (!parser.HandleNextDocument(first)) return {};
  if (!parser.HandleNextDocument(second)) return {};
  const std::string line = "line " + std::to_string(second.line) + ": ";
  if (!second.empty) return Invalid(line + "a second document begins; one is allowed");
  if (parser && parser.HandleNextDocument(second)) {
    return Invalid(line + "nothing may follow the end of the document");
  }
  return {};
}

}  // namespace

const Yaml* Yaml::Find(std::string_view key) const {
  for (const auto& [name, value] : entries) {
    if (name.IsScalar() && name.scalar == key) return &value;
  }
  return nullptr;
}

Result<Yaml> ParseYaml(std::string_view text) {
  try {
    const std::string input(text);
    TRY(CheckOneDocument(input));
    return Builder().Build(YAML::Load(input), 0);
  } catch (const YAML::Exception& error) {
    return Invalid("line " + std::to_string(error.mark.line + 1) + ": " + error.msg);
  }
}

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
