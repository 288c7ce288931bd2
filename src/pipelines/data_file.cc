#include "pipelines/data_file.h"

#include <algorithm>
#include <optional>

#include "base/strings.h"

namespace tatara::pipelines {
namespace {

const Yaml* OutputsOf(const Yaml& root) {
  const Yaml* outs = root.Find("outs");
  return outs != nullptr && outs->IsList() ? outs : nullptr;
}

std::string Scalar(const Yaml& map, std::string_view key) {
  const Yaml* value = map.Find(key);
  return value == nullptr ? "" : value->scalar;
}

// Where line `line` (from 1) begins.
size_t LineStart(const std::string& text, int line) {
  size_t at = 0;
  for (int i = 1; i < line && at != std::string::npos; ++i) {
    at = text.find('\n', at);
    if (at != std::string::npos) ++at;
  }
  return std::min(at, text.size());
}

// Sets, adds or (nothing) removes `key` of a block map whose entries stand on lines of their own.
std::string SetKey(std::string text, const Yaml& map, std::string_view key,
                   const std::optional<std::string>& value) {
  for (const auto& [name, old] : map.entries) {
    if (name.scalar != key) continue;
    if (value) {
      const size_t at = LineStart(text, old.line) + static_cast<size_t>(old.column - 1);
      return text.replace(at, old.scalar.size(), *value);
    }
    const size_t begin = LineStart(text, name.line);
    const size_t end = LineStart(text, name.line + 1);
    return text.erase(begin, end - begin);
  }
  if (!value) return text;
  const auto& [last, last_value] = map.entries.back();
  size_t at = LineStart(text, last.line + 1);
  std::string line = std::string(static_cast<size_t>(last.column - 1), ' ') + std::string(key) +
                     ": " + *value + "\n";
  if (at > 0 && text[at - 1] != '\n') line = "\n" + line;
  return text.insert(at, line);
}

}  // namespace

Result<std::vector<LockItem>> ParseDataItems(const std::string& text) {
  const Yaml root = TRY(ParseYaml(text));
  std::vector<LockItem> items;
  const Yaml* outs = OutputsOf(root);
  if (outs == nullptr) return items;
  for (const Yaml& out : outs->items) {
    LockItem item;
    item.path = Scalar(out, "path");
    item.md5 = Lower(Scalar(out, "md5"));
    item.legacy = out.Find("hash") == nullptr;
    item.executable = Scalar(out, "isexec") == "true";
    int64_t number = 0;
    if (ParseInt(Scalar(out, "size"), number)) item.size = number;
    if (ParseInt(Scalar(out, "nfiles"), number)) item.file_count = number;
    items.push_back(std::move(item));
  }
  return items;
}

Result<std::string> SetDataItems(std::string text, const std::vector<LockItem>& items) {
  using Text = std::optional<std::string>;
  const auto number = [](const std::optional<int64_t>& value) {
    return value ? Text(std::to_string(*value)) : Text();
  };
  for (const LockItem& item : items) {
    const std::pair<std::string_view, Text> values[] = {
        {"md5", item.md5},
        {"size", number(item.size)},
        {"nfiles", number(item.file_count)},
        {"isexec", item.executable ? Text("true") : Text()},
        {"hash", item.legacy ? Text() : Text("md5")},
    };
    for (const auto& [key, value] : values) {
      const Yaml root = TRY(ParseYaml(text));  // positions move with each change
      const Yaml* outs = OutputsOf(root);
      if (outs == nullptr) return Invalid("'outs' is missing");
      for (const Yaml& out : outs->items) {
        if (Scalar(out, "path") == item.path) text = SetKey(std::move(text), out, key, value);
      }
    }
  }
  return text;
}

}  // namespace tatara::pipelines
