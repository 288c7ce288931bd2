#include "pipelines/params.h"

#include "base/strings.h"
#include "base/yaml_fields.h"
#include "os/files.h"
#include "pipelines/toml.h"
#include "pipelines/yaml_text.h"

namespace tatara::pipelines {
namespace {

constexpr int64_t kSizeMax = 64 << 20;

// The node at a dotted path, or null.
const Yaml* FindNode(const Yaml& root, const std::string& path) {
  const Yaml* at = &root;
  for (const std::string& part : Split(path, '.')) {
    int64_t index = 0;
    if (at->IsList() && ParseInt(part, index) && index >= 0 &&
        index < static_cast<int64_t>(at->items.size())) {
      at = &at->items[static_cast<size_t>(index)];
      continue;
    }
    at = at->IsMap() ? at->Find(part) : nullptr;
    if (at == nullptr) return nullptr;
  }
  return at;
}

// How many bytes the scalar at the start of `text` takes on its line; 0: it does not end there.
size_t ScalarLength(std::string_view text) {
  text = text.substr(0, text.find('\n'));
  if (text.starts_with('"')) {
    for (size_t i = 1; i < text.size(); ++i) {
      if (text[i] == '\\')
        ++i;
      else if (text[i] == '"')
        return i + 1;
    }
    return 0;
  }
  if (text.starts_with('\'')) {
    for (size_t i = 1; i < text.size(); ++i) {
      if (text[i] != '\'') continue;
      if (i + 1 < text.size() && text[i + 1] == '\'')
        ++i;
      else
        return i + 1;
    }
    return 0;
  }
  size_t end = std::min({text.find(" #"), text.size()});
  return Trim(text.substr(0, end)).size();
}

std::string FlowScalar(const Value& value) {
  if (!value.IsString()) {
    const std::string text = YamlText(Value(Value::Map{{"k", value}}));
    return std::string(Trim(text.substr(2)));
  }
  std::string out;
  AppendJsonString(out, value.AsString());  // JSON text is YAML text, and always quoted
  return out;
}

}  // namespace

Result<Value> ParseParams(const std::string& name, const std::string& text) {
  const std::string lower = Lower(name);
  if (lower.ends_with(".py")) {
    return Unsupported("parameters in Python (" + name +
                       ") are not in this version; keep them in YAML, JSON or TOML");
  }
  Value out;
  if (lower.ends_with(".json")) {
    auto json = ParseJson(text);
    if (!json) return std::unexpected(Prefixed(name, json.error()));
    out = FromJson(*json);
  } else if (lower.ends_with(".toml")) {
    auto value = ParseToml(text);
    if (!value) return std::unexpected(InFile(name, value.error()));
    out = *std::move(value);
  } else {
    auto node = ParseYaml(text);
    if (!node) return std::unexpected(InFile(name, node.error()));
    auto value = FromYaml(*node);
    if (!value) return std::unexpected(InFile(name, value.error()));
    out = *std::move(value);
  }
  if (out.IsNone()) out = Value::MakeMap();
  return out;
}

Result<Value> ReadParamsFile(const std::string& path) {
  return ParseParams(os::NameOf(path), TRY(os::ReadFile(path, kSizeMax)));
}

Result<std::string> SetYamlScalar(const std::string& text, const std::string& path,
                                  const Value& value) {
  const Yaml root = TRY(ParseYaml(text));
  const Yaml* node = FindNode(root, path);
  if (node == nullptr) return NotFound("no parameter '" + path + "'");
  const std::string where =
      "line " + std::to_string(node->line) + ": the parameter '" + path + "' ";
  if (!node->IsScalar() || !value.IsScalar()) {
    return Invalid(where + "is no plain value; only such ones can be set");
  }
  size_t at = 0;
  for (int line = 1; line < node->line; ++line) at = text.find('\n', at) + 1;
  at += static_cast<size_t>(node->column - 1);
  std::string_view rest = std::string_view(text).substr(at);
  // Inside [..] or {..} a plain scalar ends earlier; the parser says how it reads.
  size_t length = ScalarLength(rest);
  if (!node->quoted && length > node->scalar.size()) length = node->scalar.size();
  if (length == 0 || (!node->quoted && rest.substr(0, length) != node->scalar)) {
    return Invalid(where + "does not stand on one line; set it in the file");
  }
  return text.substr(0, at) + FlowScalar(value) + text.substr(at + length);
}

}  // namespace tatara::pipelines
