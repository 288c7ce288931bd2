#include "pipelines/changes.h"

#include <algorithm>

#include "base/strings.h"

namespace tatara::pipelines {
namespace {

constexpr size_t kReasonsShown = 3;

const Value* FindKey(const Value& map, const Value& key) {
  for (const auto& [name, value] : map.AsMap()) {
    if (Equals(name, key)) return &value;
  }
  return nullptr;
}

std::string ChangeText(const Value& then, const Value& now) {
  const std::string before = ShowValue(then), after = ShowValue(now);
  if (before != after) return before + " -> " + after;
  return PythonJson(then) + " -> " + PythonJson(now);  // 1 -> "1"
}

// What differs below a parameter, leaf by leaf; a part that is wholly new or gone is one reason.
// Either side may be null: not there.
void CompareValues(const std::string& name, const Value* then, const Value* now,
                   std::vector<std::string>& reasons) {
  if (now == nullptr) return reasons.push_back(name + " is gone");
  if (then == nullptr) return reasons.push_back(name + " is new");
  if (Equals(*now, *then)) return;
  const size_t before = reasons.size();
  if (then->IsMap() && now->IsMap()) {
    for (const auto& [key, value] : now->AsMap()) {
      CompareValues(name + "." + ScalarText(key), FindKey(*then, key), &value, reasons);
    }
    for (const auto& [key, value] : then->AsMap()) {
      if (FindKey(*now, key) == nullptr)
        reasons.push_back(name + "." + ScalarText(key) + " is gone");
    }
  } else if (then->IsList() && now->IsList()) {
    const Value::List &old = then->AsList(), &present = now->AsList();
    for (size_t i = 0; i < std::max(old.size(), present.size()); ++i) {
      CompareValues(name + "." + std::to_string(i), i < old.size() ? &old[i] : nullptr,
                    i < present.size() ? &present[i] : nullptr, reasons);
    }
  }
  if (reasons.size() == before) {
    reasons.push_back(name + " changed " + ChangeText(*then, *now));
  }
}

// DVC compares a tuple of a Python file with a list, too; we have no tuples.
void CompareParams(const ParamsDependency& params, const std::optional<Value>& file,
                   const Value* locked, std::vector<std::string>& reasons) {
  if (!file) {
    reasons.push_back(params.path + " is missing");
    return;
  }
  if (locked == nullptr || !locked->IsMap()) {
    reasons.push_back(params.path + ": new parameters");
    return;
  }
  const auto compare = [&](const std::string& key, const Value* now, const Value* then) {
    CompareValues(params.path + ": " + key, then, now, reasons);
  };
  if (!params.keys.empty()) {
    for (const std::string& key : params.keys) {
      compare(key, file->At(key), locked->Find(key));
    }
    return;
  }
  for (const auto& [key, value] : file->AsMap()) {
    const std::string name = ScalarText(key);
    compare(name, &value, locked->Find(name));
  }
  for (const auto& [key, value] : locked->AsMap()) {
    const std::string name = ScalarText(key);
    if (file->Find(name) == nullptr) compare(name, nullptr, &value);
  }
}

}  // namespace

std::string Changes::Why() const {
  std::vector<std::string> all = command;
  all.insert(all.end(), inputs.begin(), inputs.end());
  all.insert(all.end(), outputs.begin(), outputs.end());
  const size_t more = all.size() > kReasonsShown ? all.size() - kReasonsShown : 0;
  all.resize(all.size() - more);
  std::string text = Join(all, ", ");
  if (more > 0) text += " and " + std::to_string(more) + " more";
  return text;
}

Changes FindChanges(const Stage& stage, const LockEntry* entry, const StageFacts& facts) {
  Changes out;
  if (stage.always_changed) out.command.push_back("it is always_changed");
  if (stage.IsCallback()) out.command.push_back("it has neither inputs nor outputs");
  if (entry == nullptr) {
    if (!stage.IsData()) out.command.push_back("it has not run yet");
    for (size_t i = 0; i < stage.deps.size(); ++i) {
      if (!facts.deps[i].exists) out.inputs.push_back(stage.deps[i].path + " is missing");
    }
    return out;
  }
  if (!stage.IsData() && !Equals(stage.command, entry->command)) {
    out.command.push_back("its command changed");
  }
  if (!stage.frozen) {
    for (size_t i = 0; i < stage.deps.size(); ++i) {
      const std::string& path = stage.deps[i].path;
      const LockItem* locked = entry->FindDep(path);
      if (!facts.deps[i].exists)
        out.inputs.push_back(path + " is missing");
      else if (locked == nullptr || locked->md5.empty())
        out.inputs.push_back(path + " is a new dependency");
      else if (locked->md5 != facts.deps[i].md5)
        out.inputs.push_back(path + " changed");
    }
    for (size_t i = 0; i < stage.params.size(); ++i) {
      CompareParams(stage.params[i], facts.params[i], entry->params.Find(stage.params[i].path),
                    out.inputs);
    }
  }
  for (size_t i = 0; i < stage.outs.size(); ++i) {
    const Output& output = stage.outs[i];
    const LockItem* locked = entry->FindOut(output.path);
    const bool known = locked != nullptr && !locked->md5.empty();
    if (!facts.outs[i].exists)
      out.outputs.push_back("the output " + output.path + " is missing");
    else if (!known)
      out.outputs.push_back("the output " + output.path + " is new");
    else if (locked->md5 != facts.outs[i].md5)
      out.outputs.push_back("the output " + output.path + " was changed");
    else if (output.cache && !facts.outs[i].in_cache)
      out.outputs.push_back("the output " + output.path + " is not in the cache");
  }
  return out;
}

Value SelectParams(const ParamsDependency& params, const Value& file,
                   std::vector<std::string>& missing) {
  if (params.keys.empty()) return file;
  Value out = Value::MakeMap();
  for (const std::string& key : params.keys) {
    if (const Value* value = file.At(key))
      out.Set(key, *value);
    else
      missing.push_back(key);
  }
  return out;
}

}  // namespace tatara::pipelines
