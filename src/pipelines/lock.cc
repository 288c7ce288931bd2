#include "pipelines/lock.h"

#include <algorithm>

#include "base/hash.h"
#include "base/strings.h"
#include "base/yaml_fields.h"
#include "pipelines/yaml_text.h"

namespace tatara::pipelines {
namespace {

constexpr int kEntryIndent = 2;

const LockItem* FindItem(const std::vector<LockItem>& items, std::string_view path) {
  const auto found = std::ranges::find(items, path, &LockItem::path);
  return found == items.end() ? nullptr : &*found;
}

Result<LockItem> ParseItem(const Yaml& node) {
  if (!node.IsMap()) return std::unexpected(YamlError(node, "an item must be a map"));
  LockItem item;
  item.legacy = true;
  for (const auto& [key, value] : node.entries) {
    int64_t number = 0;
    if (key.scalar == "path") {
      item.path = value.scalar;
    } else if (key.scalar == "hash") {
      item.legacy = false;
    } else if (key.scalar == "md5") {
      item.md5 = Lower(value.scalar);
    } else if (key.scalar == "size" || key.scalar == "nfiles") {
      if (!ParseInt(value.scalar, number)) {
        return std::unexpected(YamlError(value, key.scalar + " must be a number"));
      }
      (key.scalar == "size" ? item.size : item.file_count) = number;
    } else if (key.scalar == "isexec") {
      item.executable = value.scalar == "true";
    } else {
      return std::unexpected(
          Error{Code::kUnsupported, "line " + std::to_string(key.line) + ": '" + key.scalar +
                                        "' in dvc.lock (remote data) is not in this version"});
    }
  }
  if (item.path.empty()) return std::unexpected(YamlError(node, "'path' is missing"));
  return item;
}

Result<std::vector<LockItem>> ParseItems(const Yaml* list) {
  std::vector<LockItem> items;
  if (list == nullptr) return items;
  for (const Yaml& item : list->items) items.push_back(TRY(ParseItem(item)));
  return items;
}

Value ItemValue(const LockItem& item) {
  Value out = Value::MakeMap();
  out.Set("path", item.path);
  if (!item.legacy) out.Set("hash", "md5");
  out.Set("md5", item.md5);
  if (item.size) out.Set("size", *item.size);
  if (item.file_count) out.Set("nfiles", *item.file_count);
  if (item.executable) out.Set("isexec", true);
  return out;
}

Value ItemsValue(const std::vector<LockItem>& items) {
  Value::List list;
  for (const LockItem& item : items) list.push_back(ItemValue(item));
  return Value(std::move(list));
}

const std::vector<std::string_view> kNotHashed = {"size", "nfiles"};

std::string EntryText(const std::string& name, const LockEntry& entry) {
  return YamlText(Value(Value::Map{{Value(name), ToValue(entry)}}), kEntryIndent);
}

// Where each line of a text begins; one more for its end.
std::vector<size_t> LineStarts(const std::string& text) {
  std::vector<size_t> starts = {0};
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\n') starts.push_back(i + 1);
  }
  if (starts.back() != text.size()) starts.push_back(text.size());
  return starts;
}

}  // namespace

const LockItem* LockEntry::FindDep(std::string_view path) const { return FindItem(deps, path); }
const LockItem* LockEntry::FindOut(std::string_view path) const { return FindItem(outs, path); }

Value ToValue(const LockEntry& entry) {
  Value out = Value::MakeMap();
  out.Set("cmd", entry.command);
  if (!entry.deps.empty()) out.Set("deps", ItemsValue(entry.deps));
  if (!entry.params.AsMap().empty()) out.Set("params", entry.params);
  if (!entry.outs.empty()) out.Set("outs", ItemsValue(entry.outs));
  return out;
}

Result<LockEntry> ParseLockEntry(const Yaml& node) {
  if (!node.IsMap()) return std::unexpected(YamlError(node, "an entry must be a map"));
  LockEntry entry;
  const Yaml* command = node.Find("cmd");
  if (command == nullptr) return std::unexpected(YamlError(node, "'cmd' is missing"));
  entry.command = TRY(FromYaml(*command));
  entry.deps = TRY(ParseItems(node.Find("deps")));
  entry.outs = TRY(ParseItems(node.Find("outs")));
  if (const Yaml* params = node.Find("params"); params != nullptr && params->IsMap()) {
    entry.params = TRY(FromYaml(*params));
  }
  return entry;
}

void SortEntry(LockEntry& entry) {
  std::ranges::stable_sort(entry.deps, {}, &LockItem::path);
  std::ranges::stable_sort(entry.outs, {}, &LockItem::path);
  const auto text = [](const auto& member) {
    return member.first.IsString() ? member.first.AsString() : ScalarText(member.first);
  };
  std::ranges::stable_sort(entry.params.AsMap(), {}, [&](const auto& member) {
    const std::string file = text(member);
    return std::pair(file != "params.yaml", file);
  });
  for (auto& [file, values] : entry.params.AsMap()) {
    if (values.IsMap()) std::ranges::stable_sort(values.AsMap(), {}, text);
  }
}

std::string RunCacheKey(const LockEntry& entry) {
  Value value = ToValue(entry);
  Value::List paths;
  for (const LockItem& out : entry.outs) paths.emplace_back(out.path);
  value.Set("outs", Value(std::move(paths)));
  return Sha256(PythonJson(value, kNotHashed));
}

std::string RunCacheValue(const LockEntry& entry) {
  return Sha256(PythonJson(ToValue(entry), kNotHashed));
}

Result<LockFile> LockFile::Parse(const std::string& text) {
  LockFile lock;
  const Yaml root = TRY(ParseYaml(text));
  if (root.IsNull()) return lock;
  const Yaml* schema = root.Find("schema");
  if (schema == nullptr || schema->scalar != "2.0") {
    return Unsupported("dvc.lock must have schema '2.0'; `dvc commit` of DVC 3 writes such a one");
  }
  const Yaml* stages = root.Find("stages");
  if (stages == nullptr || !stages->IsMap() || stages->entries.empty()) {
    if (stages == nullptr && !text.empty()) lock.head_ = text + "stages:\n";
    return lock;
  }
  const auto lines = LineStarts(text);
  const auto line_start = [&](int line) { return lines[static_cast<size_t>(line - 1)]; };
  // The lines of an entry: to the next one's first, or to the next key of the document.
  size_t end_of_stages = text.size();
  for (const auto& [key, value] : root.entries) {
    if (key.line > stages->line && !(key.scalar == "stages")) {
      end_of_stages = std::min(end_of_stages, line_start(key.line));
    }
  }
  lock.head_ = text.substr(0, line_start(stages->entries[0].first.line));
  lock.tail_ = text.substr(end_of_stages);
  const bool as_written = std::ranges::all_of(
      stages->entries, [](const auto& part) { return part.first.column == kEntryIndent + 1; });
  if (!as_written) lock.head_ = "schema: '2.0'\nstages:\n";
  for (size_t i = 0; i < stages->entries.size(); ++i) {
    const auto& [key, value] = stages->entries[i];
    const bool last = i + 1 == stages->entries.size();
    const size_t begin = line_start(key.line);
    const size_t end = last ? end_of_stages : line_start(stages->entries[i + 1].first.line);
    LockEntry entry = TRY(ParseLockEntry(value));
    std::string part = as_written ? text.substr(begin, end - begin) : EntryText(key.scalar, entry);
    if (!part.ends_with('\n')) part += '\n';
    lock.parts_.push_back({key.scalar, std::move(entry), std::move(part), {}});
  }
  return lock;
}

const LockEntry* LockFile::Find(std::string_view stage) const {
  const auto found = std::ranges::find(parts_, stage, &Part::name);
  return found == parts_.end() ? nullptr : &found->entry;
}

void LockFile::Set(const std::string& stage, LockEntry entry, size_t order) {
  std::string text = EntryText(stage, entry);
  const auto found = std::ranges::find(parts_, stage, &Part::name);
  if (found == parts_.end()) {
    auto place = parts_.end();
    while (place != parts_.begin() && std::prev(place)->order > order) --place;
    parts_.insert(place, {stage, std::move(entry), std::move(text), order});
  } else {
    found->entry = std::move(entry);
    found->text = std::move(text);
  }
}

std::string LockFile::Text() const {
  std::string out = head_;
  for (const Part& part : parts_) out += part.text;
  return out + tail_;
}

}  // namespace tatara::pipelines
