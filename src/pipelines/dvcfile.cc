#include "pipelines/dvcfile.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/strings.h"
#include "base/yaml_fields.h"
#include "os/files.h"

namespace tatara::pipelines {
namespace {

constexpr std::string_view kParamsFile = "params.yaml";

using Keys = std::vector<std::string>;

const Keys kTopKeys = {"stages", "vars", "params", "metrics", "plots", "artifacts", "datasets"};
const Keys kStageKeys = {"cmd",   "wdir",   "deps", "params", "vars",           "outs",  "metrics",
                         "plots", "frozen", "meta", "desc",   "always_changed", "matrix"};
const Keys kOutputKeys = {"cache", "persist", "checkpoint", "remote", "push",
                          "desc",  "type",    "labels",     "meta"};
const Keys kPlotKeys = {"template", "x", "y", "x_label", "y_label", "title", "header"};

Status CheckKeys(const Yaml& map, const Keys& allowed, const std::string& where) {
  for (const auto& [key, value] : map.entries) {
    if (key.IsScalar() && std::ranges::find(allowed, key.scalar) != allowed.end()) continue;
    return std::unexpected(YamlError(
        key, where + ": unknown key '" + key.scalar + "'" + DidYouMean(key.scalar, allowed)));
  }
  return {};
}

bool IsText(const Yaml& node) {
  if (!node.IsScalar()) return false;
  return node.quoted || !PlainTextIsNoString(node.scalar);
}
bool IsBool(const Yaml& node) {
  if (!node.IsScalar() || node.quoted) return false;
  const std::string lower = Lower(node.scalar);
  return lower == "true" || lower == "false";
}

std::unexpected<Error> Wants(const Yaml& node, const std::string& where, std::string_view what) {
  return std::unexpected(YamlError(node, where + " must be " + std::string(what)));
}

// A list of paths, or of path: options.
Status CheckOutputs(const Yaml& list, const std::string& where, bool plots) {
  if (!list.IsList()) return Wants(list, where, "a list");
  Keys allowed = kOutputKeys;
  if (plots) allowed.insert(allowed.end(), kPlotKeys.begin(), kPlotKeys.end());
  for (const Yaml& item : list.items) {
    if (IsText(item)) continue;
    if (!item.IsMap()) return Wants(item, where, "a list of paths, each with or without options");
    for (const auto& [path, options] : item.entries) {
      if (!options.IsMap()) return Wants(options, where + ": the options of an output", "a map");
      TRY(CheckKeys(options, allowed, where + "." + path.scalar));
      for (const char* flag : {"cache", "persist", "push", "checkpoint"}) {
        const Yaml* value = options.Find(flag);
        if (value != nullptr && !IsBool(*value)) {
          return Wants(*value, where + "." + path.scalar + "." + flag, "true or false");
        }
      }
    }
  }
  return {};
}

Status CheckTexts(const Yaml& list, const std::string& where, bool maps_too) {
  if (!list.IsList()) return Wants(list, where, "a list");
  for (const Yaml& item : list.items) {
    if (IsText(item) || (maps_too && item.IsMap())) continue;
    return Wants(item, where, maps_too ? "a list of names or maps" : "a list of text");
  }
  return {};
}

Status CheckStage(const Yaml& stage, const std::string& where) {
  if (!stage.IsMap()) return Wants(stage, where, "a map");
  TRY(CheckKeys(stage, kStageKeys, where));
  const Yaml* cmd = stage.Find("cmd");
  if (cmd == nullptr) return std::unexpected(YamlError(stage, where + ": 'cmd' is missing"));
  for (const auto& [key, node] : stage.entries) {
    const std::string& name = key.scalar;
    const std::string at = where + "." + name;
    Yaml value = node;
    if (value.IsNull()) value.line = key.line;  // the parser says where the next thing stands
    if (name == "cmd" && !IsText(value) && !value.IsList()) {
      return Wants(value, at, "text or a list of text");
    }
    if (name == "wdir" && !IsText(value)) return Wants(value, at, "text");
    if (name == "desc" && !IsText(value)) return Wants(value, at, "text");
    if (name == "deps") TRY(CheckTexts(value, at, false));
    if (name == "params" || name == "vars") TRY(CheckTexts(value, at, true));
    if (name == "outs" || name == "metrics") TRY(CheckOutputs(value, at, false));
    if (name == "plots") TRY(CheckOutputs(value, at, true));
    if ((name == "frozen" || name == "always_changed") && !IsBool(value)) {
      return Wants(value, at, "true or false");
    }
    if (name == "matrix" && !value.IsMap()) return Wants(value, at, "a map of lists");
  }
  return {};
}

std::string ShownFile(const DvcFileContext& context) {
  return RelativePath(context.file, context.root);
}

bool IsInside(const std::string& path, const std::string& folder) {
  return path == folder || path.starts_with(folder + "/");
}

class StageMaker {
 public:
  StageMaker(const DvcFileContext& context, std::string wdir)
      : context_(context), wdir_(std::move(wdir)) {}

  Result<std::pair<std::string, std::string>> Paths(const std::string& path,
                                                    std::string_view what) const {
    if (path.find("://") != std::string::npos) {
      return Unsupported(std::string(what) + " '" + path +
                         "': only files of this machine are in this version");
    }
    if (path.empty()) return Invalid("an empty path as " + std::string(what));
    const std::string absolute = os::AbsolutePath(os::JoinPath(wdir_, path));
    if (path.starts_with('/') && IsInside(absolute, context_.root)) {
      return std::pair(RelativePath(absolute, wdir_), absolute);
    }
    return std::pair(path, absolute);
  }

  Status AddOutput(Stage& stage, const std::string& path, const Value* options,
                   std::string_view kind) const {
    Output out;
    std::tie(out.path, out.absolute) = TRY(Paths(path, "the output"));
    const auto flag = [&](std::string_view name, bool otherwise) {
      const Value* value = options == nullptr ? nullptr : options->Find(name);
      return value != nullptr && value->IsBool() ? value->AsBool() : otherwise;
    };
    out.cache = flag("cache", true);
    out.persist = flag("persist", false);
    out.metric = kind == "metrics";
    out.plot = kind == "plots";
    if (!IsInside(out.absolute, context_.root) && out.cache) {
      return Invalid("the output '" + path + "' lies outside of the project; give it cache: false");
    }
    if (IsInside(context_.root, out.absolute)) {
      return Invalid("the output '" + path + "' holds the whole project");
    }
    if (std::ranges::find(stage.outs, out.absolute, &Output::absolute) != stage.outs.end()) {
      return Invalid("the output '" + path + "' stands twice in this stage");
    }
    stage.outs.push_back(std::move(out));
    return {};
  }

  Status AddOutputs(Stage& stage, const Value& list, std::string_view kind) const {
    std::vector<std::pair<std::string, Value>> merged;  // a path that stands twice counts once
    const auto add = [&](const Value& path, const Value& options) -> Status {
      if (!path.IsString()) return Invalid("a path must be text, not '" + ShowValue(path) + "'");
      auto same = std::ranges::find(merged, path.AsString(), [](const auto& p) { return p.first; });
      if (same == merged.end()) {
        merged.emplace_back(path.AsString(), options);
      } else if (options.IsMap()) {
        for (const auto& [key, value] : options.AsMap()) {
          if (key.IsString()) same->second.Set(key.AsString(), value);
        }
      }
      return {};
    };
    for (const Value& item : list.AsList()) {
      if (!item.IsMap()) {
        TRY(add(item, Value::MakeMap()));
        continue;
      }
      for (const auto& [path, options] : item.AsMap()) TRY(add(path, options));
    }
    for (const auto& [path, options] : merged) TRY(AddOutput(stage, path, &options, kind));
    return {};
  }

  Status AddDeps(Stage& stage, const Value& list) const {
    for (const Value& item : list.AsList()) {
      if (!item.IsString())
        return Invalid("a dependency must be text, not '" + ShowValue(item) + "'");
      Dependency dep;
      std::tie(dep.path, dep.absolute) = TRY(Paths(item.AsString(), "the dependency"));
      stage.deps.push_back(std::move(dep));
    }
    return {};
  }

  Status AddParams(Stage& stage, const Value& list) const {
    std::set<std::string> whole;
    for (const Value& item : list.AsList()) {
      if (!item.IsMap()) continue;
      for (const auto& [file, keys] : item.AsMap()) {
        if (keys.IsNone() || (keys.IsList() && keys.AsList().empty())) {
          whole.insert(ScalarText(file));
        }
      }
    }
    const auto of = [&](const std::string& file) -> Result<ParamsDependency*> {
      for (ParamsDependency& params : stage.params) {
        if (params.path == file) return &params;
      }
      ParamsDependency params;
      std::tie(params.path, params.absolute) = TRY(Paths(file, "the parameter file"));
      stage.params.push_back(std::move(params));
      return &stage.params.back();
    };
    for (const Value& item : list.AsList()) {
      if (!item.IsMap()) {
        const std::string file(kParamsFile);
        if (whole.contains(file)) continue;
        TRY(of(file))->keys.push_back(ScalarText(item));
        continue;
      }
      for (const auto& [key, keys] : item.AsMap()) {
        const std::string file = ScalarText(key);
        ParamsDependency& params = *TRY(of(file));
        if (whole.contains(file)) continue;
        if (!keys.IsList()) return Invalid("the parameters of '" + file + "' must be a list");
        for (const Value& name : keys.AsList()) params.keys.push_back(ScalarText(name));
      }
    }
    return {};
  }

 private:
  const DvcFileContext& context_;
  const std::string wdir_;
};

class DvcYamlParser {
 public:
  explicit DvcYamlParser(const DvcFileContext& context)
      : context_(context), folder_(os::ParentOf(context.file)), variables_(context.style) {}

  Result<DvcYaml> Parse(const std::string& text) {
    const Yaml root = TRY(ParseYaml(text));
    if (root.IsNull()) return std::move(out_);
    if (!root.IsMap()) return Invalid("line 1: must be a map with 'stages'");
    TRY(CheckKeys(root, kTopKeys, "the file"));
    const std::string params = os::JoinPath(folder_, kParamsFile);
    auto defaults = context_.read_params(params);
    if (defaults) {
      TRY(variables_.Merge(*defaults, std::string(kParamsFile)));
      whole_files_.insert(params);
    } else if (defaults.error().code != Code::kNotFound) {
      return std::unexpected(defaults.error());
    }
    if (const Yaml* vars = root.Find("vars"); vars != nullptr && !vars->IsNull()) {
      TRY(CheckTexts(*vars, "vars", true));
      const Value list = TRY(FromYaml(*vars));
      TRY(LoadVars(list, folder_, "vars", variables_));
    }
    const Yaml* stages = root.Find("stages");
    if (stages == nullptr || stages->IsNull()) return std::move(out_);
    if (!stages->IsMap()) return Wants(*stages, "stages", "a map");
    for (const auto& [name, definition] : stages->entries) TRY(Define(name, definition));
    return std::move(out_);
  }

 private:
  // `vars`: files, `file:key,key`, or maps.
  Status LoadVars(const Value& vars, const std::string& folder, const std::string& where,
                  Variables& variables) {
    if (HasExpressionInside(vars)) return Invalid("'" + where + "': interpolating is not allowed");
    for (size_t i = 0; i < vars.AsList().size(); ++i) {
      const Value& item = vars.AsList()[i];
      if (item.IsMap()) {
        TRY(variables.Merge(item, where + "[" + std::to_string(i) + "]"));
        continue;
      }
      const std::string& text = item.AsString();
      const size_t colon = text.find(':');
      const std::string path = os::AbsolutePath(os::JoinPath(folder, text.substr(0, colon)));
      if (colon == std::string::npos && !whole_files_.insert(path).second) continue;
      if (colon != std::string::npos && whole_files_.contains(path)) {
        return Invalid("cannot partially load '" + text + "' as it's already loaded");
      }
      auto loaded = context_.read_params(path);
      if (!loaded && loaded.error().code == Code::kNotFound) {
        return Invalid("'" + text.substr(0, colon) + "' of " + where + " does not exist");
      }
      Value map = TRY(std::move(loaded));
      if (colon != std::string::npos) map = TRY(SelectKeys(map, text, colon));
      TRY(variables.Merge(map, text));
    }
    return {};
  }

  static Result<Value> SelectKeys(const Value& map, const std::string& text, size_t colon) {
    Value out = Value::MakeMap();
    for (const std::string& key : Split(text.substr(colon + 1), ',')) {
      if (key.empty()) continue;
      const Value* value = map.Find(key);
      if (value == nullptr) {
        return Invalid("could not find '" + key + "' in '" + text.substr(0, colon) + "'");
      }
      out.Set(key, *value);
    }
    return out;
  }

  Status Define(const Yaml& name, const Yaml& definition) {
    const std::string where = "stages." + name.scalar;
    if (definition.IsMap() && (definition.Find("foreach") || definition.Find("do"))) {
      return Foreach(name, definition, where);
    }
    if (name.scalar.find('@') != std::string::npos) {  // DVC would look for a group before the '@'
      return std::unexpected(YamlError(name, where + ": the name of a stage must not hold '@'"));
    }
    TRY(CheckStage(definition, where));
    if (definition.Find("matrix")) return Matrix(name, definition, where);
    const Value stage = TRY(FromYaml(definition));
    return AddStage(name.scalar, stage, name.line);
  }

  Status Foreach(const Yaml& name, const Yaml& definition, const std::string& where) {
    TRY(CheckKeys(definition, {"foreach", "do"}, where));
    const Yaml* data = definition.Find("foreach");
    const Yaml* body = definition.Find("do");
    if (data == nullptr || body == nullptr) {
      return std::unexpected(YamlError(name, where + " needs both 'foreach' and 'do'"));
    }
    TRY(CheckStage(*body, where + ".do"));
    if (body->Find("matrix")) {
      return std::unexpected(YamlError(*body, where + ": foreach and matrix exclude each other"));
    }
    const Value source = TRY(FromYaml(*data));
    const Value items = TRY(Located(name.line, variables_.Resolve(source, "")));
    const Value stage = TRY(FromYaml(*body));
    out_.groups.push_back(name.scalar);
    std::vector<std::pair<std::string, const Value*>> each;
    const auto add = [&](const std::string& key, const Value& value) {
      for (auto& [known, old] : each) {
        if (known == key) {
          old = &value;
          return;
        }
      }
      each.emplace_back(key, &value);
    };
    if (items.IsMap()) {
      for (const auto& [key, value] : items.AsMap()) add(ScalarText(key), value);
    } else if (items.IsList()) {
      const bool composite =
          std::ranges::any_of(items.AsList(), [](const Value& item) { return !item.IsScalar(); });
      for (size_t i = 0; i < items.AsList().size(); ++i) {
        const Value& item = items.AsList()[i];
        add(composite ? std::to_string(i) : ScalarText(item), item);
      }
    } else {
      return std::unexpected(YamlError(*data, where + ".foreach: expected list/dictionary, got " +
                                                  std::string(items.TypeName())));
    }
    for (const auto& [key, value] : each) {
      const Value key_value(key);
      variables_.SetLoop(*value, items.IsMap() ? &key_value : nullptr);
      TRY(AddStage(name.scalar + "@" + key, stage, name.line));
      variables_.ClearLoop();
    }
    return {};
  }

  Status Matrix(const Yaml& name, const Yaml& definition, const std::string& where) {
    Value stage = TRY(FromYaml(definition));
    const Value axes = TRY(Located(name.line, variables_.Resolve(*stage.Find("matrix"), "")));
    std::erase_if(stage.AsMap(), [](const auto& member) {
      return member.first.IsString() && member.first.AsString() == "matrix";
    });
    out_.groups.push_back(name.scalar);
    for (const auto& [axis, values] : axes.AsMap()) {
      if (values.IsList()) continue;
      return std::unexpected(YamlError(*definition.Find("matrix"),
                                       where + ".matrix." + ScalarText(axis) + " must be a list"));
    }
    return Combine(name, stage, axes.AsMap(), 0, "", Value::MakeMap());
  }

  Status Combine(const Yaml& name, const Value& stage, const Value::Map& axes, size_t axis,
                 const std::string& key, const Value& item) {
    if (axis == axes.size()) {
      const Value key_value(key);
      variables_.SetLoop(item, &key_value);
      TRY(AddStage(name.scalar + "@" + key, stage, name.line));
      variables_.ClearLoop();
      return {};
    }
    const std::string axis_name = ScalarText(axes[axis].first);
    const auto& values = axes[axis].second.AsList();
    for (size_t i = 0; i < values.size(); ++i) {
      const std::string part =
          values[i].IsScalar() ? ScalarText(values[i]) : axis_name + std::to_string(i);
      Value next = item;
      next.Set(axis_name, values[i]);
      TRY(Combine(name, stage, axes, axis + 1, axis == 0 ? part : key + "-" + part, next));
    }
    return {};
  }

  template <class T>
  static Result<T> Located(int line, Result<T> result) {
    if (result || result.error().message.starts_with("line ")) return result;
    return std::unexpected(
        Error{result.error().code, "line " + std::to_string(line) + ": " + result.error().message});
  }

  Status AddStage(const std::string& name, const Value& definition, int line) {
    Result<Stage> stage = Located(line, Make(name, definition));
    if (!stage) {
      variables_.ClearLoop();
      return std::unexpected(stage.error());
    }
    stage->line = line;
    out_.stages.push_back(*std::move(stage));
    return {};
  }

  Result<Stage> Make(const std::string& name, const Value& definition) {
    Stage stage;
    stage.file = context_.file;
    stage.name = name;
    stage.id = StageId(context_.root, context_.file, name);
    stage.wdir = folder_;
    const auto prefixed = [&](std::string_view key, Error error) {
      return std::unexpected(
          Prefixed("'stages." + name + "." + std::string(key) + "'", std::move(error)));
    };
    if (const Value* wdir = definition.Find("wdir")) {
      auto resolved = variables_.Resolve(*wdir, "wdir");
      if (!resolved) return prefixed("wdir", resolved.error());
      stage.wdir = os::AbsolutePath(os::JoinPath(folder_, ScalarText(*resolved)));
    }
    Variables local = variables_;
    if (const Value* vars = definition.Find("vars")) {
      const auto files = whole_files_;
      auto loaded = LoadVars(*vars, stage.wdir, "stages." + name + ".vars", local);
      whole_files_ = files;
      if (!loaded) return prefixed("vars", loaded.error());
    }
    const StageMaker maker(context_, stage.wdir);
    for (const auto& [key_value, source] : definition.AsMap()) {
      const std::string& key = key_value.AsString();
      if (key == "vars" || key == "wdir") continue;
      auto value = local.Resolve(source, key);
      if (!value) return prefixed(key, value.error());
      if (auto set = SetField(stage, maker, key, *value); !set) return prefixed(key, set.error());
    }
    return stage;
  }

  static Status SetField(Stage& stage, const StageMaker& maker, const std::string& key,
                         const Value& value) {
    if (key == "cmd") {
      const bool good = value.IsString() ||
                        (value.IsList() && std::ranges::all_of(value.AsList(), [](const Value& v) {
                           return v.IsString();
                         }));
      if (!good) return Invalid("a command must be text, not '" + ShowValue(value) + "'");
      stage.command = value;
      if (CommandLines(stage).empty()) return Invalid("the command is empty");
    }
    if (key == "deps") return maker.AddDeps(stage, value);
    if (key == "params") return maker.AddParams(stage, value);
    if (key == "outs" || key == "metrics" || key == "plots") {
      return maker.AddOutputs(stage, value, key);
    }
    if (key == "frozen") stage.frozen = value.IsBool() && value.AsBool();
    if (key == "always_changed") stage.always_changed = value.IsBool() && value.AsBool();
    if (key == "meta") stage.meta = value;
    return {};
  }

  const DvcFileContext& context_;
  const std::string folder_;
  Variables variables_;
  std::set<std::string> whole_files_;  // loaded into the variables without a choice of keys
  DvcYaml out_;
};

Result<Stage> ParseDvcStage(const std::string& text, const DvcFileContext& context) {
  const Yaml root = TRY(ParseYaml(text));
  if (!root.IsMap()) return Invalid("line 1: must be a map with 'outs'");
  if (root.Find("cmd")) {
    return Unsupported("stages in .dvc files are not in this version; put it into a dvc.yaml");
  }
  TRY(CheckKeys(
      root, {"md5", "wdir", "deps", "outs", "locked", "frozen", "meta", "always_changed", "desc"},
      "the file"));
  if (const Yaml* deps = root.Find("deps"); deps != nullptr && !deps->items.empty()) {
    return std::unexpected(Error{Code::kUnsupported, "line " + std::to_string(deps->line) +
                                                         ": imports are not in this version"});
  }
  Stage stage;
  stage.file = context.file;
  stage.id = StageId(context.root, context.file, "");
  stage.line = 1;
  const Yaml* wdir = root.Find("wdir");
  stage.wdir = os::AbsolutePath(
      os::JoinPath(os::ParentOf(context.file), wdir != nullptr ? wdir->scalar : "."));
  const StageMaker maker(context, stage.wdir);
  const Yaml* outs = root.Find("outs");
  if (outs == nullptr || !outs->IsList()) return Invalid("line 1: 'outs' is missing");
  for (const Yaml& out : outs->items) {
    const Yaml* path = out.Find("path");
    if (path == nullptr) return Wants(out, "an output", "a map with 'path'");
    Value options = TRY(FromYaml(out));
    TRY(maker.AddOutput(stage, path->scalar, &options, "outs"));
  }
  for (const char* key : {"frozen", "locked"}) {
    const Yaml* frozen = root.Find(key);
    if (frozen != nullptr && Lower(frozen->scalar) == "true") stage.frozen = true;
  }
  return stage;
}

}  // namespace

std::vector<std::string> CommandLines(const Stage& stage) {
  std::vector<std::string> lines;
  const auto add = [&](const std::string& line) {
    if (!Trim(line).empty()) lines.push_back(line);
  };
  if (stage.command.IsString()) {
    for (const std::string& line : Split(stage.command.AsString(), '\n')) add(line);
  } else if (stage.command.IsList()) {
    for (const Value& line : stage.command.AsList()) add(line.AsString());
  }
  return lines;
}

std::string RelativePath(const std::string& path, const std::string& folder) {
  if (path == folder) return ".";
  if (path.starts_with(folder == "/" ? "/" : folder + "/")) {
    return path.substr(folder == "/" ? 1 : folder.size() + 1);
  }
  std::string up;
  std::string above = folder;
  while (above != "/" && !path.starts_with(above + "/") && path != above) {
    above = os::ParentOf(above);
    up += up.empty() ? ".." : "/..";
  }
  if (path == above) return up;
  return up + "/" + path.substr(above == "/" ? 1 : above.size() + 1);
}

std::string StageId(const std::string& root, const std::string& file, const std::string& name) {
  const std::string relative = RelativePath(file, root);
  if (name.empty()) return relative;
  return relative == "dvc.yaml" ? name : relative + ":" + name;
}

Result<DvcYaml> ParseDvcYaml(const std::string& text, const DvcFileContext& context) {
  auto parsed = DvcYamlParser(context).Parse(text);
  if (!parsed) return std::unexpected(InFile(ShownFile(context), parsed.error()));
  return parsed;
}

Result<Stage> ParseDvcFile(const std::string& text, const DvcFileContext& context) {
  auto parsed = ParseDvcStage(text, context);
  if (!parsed) return std::unexpected(InFile(ShownFile(context), parsed.error()));
  return parsed;
}

}  // namespace tatara::pipelines
