#include "pipelines/project.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/hash.h"
#include "base/strings.h"
#include "os/files.h"
#include "pipelines/dvcfile.h"
#include "pipelines/ignore.h"
#include "pipelines/params.h"

namespace tatara::pipelines {
namespace {

constexpr int64_t kTextMax = 64 << 20;
constexpr int kDepthMax = 100;

bool IsFolder(const std::string& path) {
  const auto info = os::StatLink(path);
  return info && info->kind == os::FileInfo::Kind::kDirectory;
}

std::map<std::string, std::string> ReadConfig(const std::string& root) {
  std::map<std::string, std::string> config;
  for (const char* name : {"/.dvc/config", "/.dvc/config.local"}) {
    for (auto& [key, value] : ParseConfig(os::ReadFile(root + name, kTextMax).value_or(""))) {
      config[key] = value;
    }
  }
  return config;
}

bool IsTrue(const std::string& text) {
  const std::string lower = Lower(text);
  return lower == "true" || lower == "1" || lower == "yes" || lower == "on";
}

class Loader {
 public:
  explicit Loader(Project& project)
      : project_(project),
        dvc_ignore_(Ignore::Dvc(project.root)),
        git_ignore_(Ignore::Git(project.git_root.empty() ? project.root : project.git_root)) {}

  Status Walk(const std::string& folder, int depth) {
    if (depth > kDepthMax) return {};
    std::vector<std::string> folders;
    for (const std::string& name : TRY(os::ListFolder(folder))) {
      const std::string path = folder + "/" + name;
      const bool data_file = name.ends_with(".dvc") && name != ".dvc";
      if (name == "dvc.yaml" || data_file) {
        if (IsFolder(path) || Ignored(path, false)) continue;
        TRY(Load(path, data_file));
      } else if (name.find('.') != 0 || (name != ".git" && name != ".dvc" && name != ".tatara")) {
        folders.push_back(path);
      }
    }
    for (const std::string& path : folders) {
      if (outputs_.contains(path) || !IsFolder(path) || Ignored(path, true)) continue;
      if (IsFolder(path + "/.dvc")) continue;  // a project of its own
      TRY(Walk(path, depth + 1));
    }
    return {};
  }

 private:
  bool Ignored(const std::string& path, bool folder) {
    return dvc_ignore_.Ignored(path, folder) ||
           (!project_.git_root.empty() && git_ignore_.Ignored(path, folder));
  }

  Status Load(const std::string& path, bool data_file) {
    const std::string text = TRY(os::ReadFile(path, kTextMax));
    const DvcFileContext context{.root = project_.root,
                                 .file = path,
                                 .style = project_.style,
                                 .read_params = ReadParamsFile};
    const size_t before = project_.stages.size();
    if (data_file) {
      project_.stages.push_back(TRY(ParseDvcFile(text, context)));
    } else {
      DvcYaml parsed = TRY(ParseDvcYaml(text, context));
      for (Stage& stage : parsed.stages) project_.stages.push_back(std::move(stage));
      for (std::string& group : parsed.groups) project_.groups.emplace_back(path, std::move(group));
    }
    for (size_t i = before; i < project_.stages.size(); ++i) {
      for (const Output& out : project_.stages[i].outs) outputs_.insert(out.absolute);
    }
    return {};
  }

  Project& project_;
  Ignore dvc_ignore_, git_ignore_;
  std::set<std::string> outputs_;
};

// fnmatch: '*' any run of characters, '?' one, also '[..]'.
bool NameMatches(const std::string& pattern, const std::string& name) {
  return MatchesIgnorePattern({.glob = pattern}, ReplaceAll(name, "/", "\x01"), false);
}

struct Target {
  std::string file;  // absolute
  std::string name;  // empty: all of the file
};

bool IsDvcFileName(const std::string& path) {
  return os::NameOf(path) == "dvc.yaml" || path.ends_with(".dvc");
}

// "stage", "dir/dvc.yaml:stage", "dir/dvc.yaml", "data.csv.dvc"; a key after '@' may hold anything.
Target ParseTarget(const std::string& target, const RunRequest& request) {
  const std::string default_file = os::AbsolutePath(os::JoinPath(request.folder, request.file));
  const auto absolute = [&](const std::string& path) {
    return path.empty() ? default_file : os::AbsolutePath(os::JoinPath(request.folder, path));
  };
  const std::string group = target.substr(0, target.find('@'));
  const size_t colon = request.options.glob ? target.rfind(':') : group.rfind(':');
  if (colon != std::string::npos &&
      (request.options.glob || group.find_first_of("/\\", colon) == std::string::npos)) {
    return {absolute(target.substr(0, colon)), target.substr(colon + 1)};
  }
  if (IsDvcFileName(target)) return {absolute(target), ""};
  return {default_file, target};
}

Status AddTarget(const Project& project, const RunRequest& request, const std::string& target,
                 std::vector<size_t>& out) {
  const size_t before = out.size();
  const std::string folder = os::AbsolutePath(os::JoinPath(request.folder, target));
  const bool recursive = request.options.recursive && IsFolder(folder);
  const Target wanted = ParseTarget(target, request);
  const bool group = std::ranges::find(project.groups, std::pair(wanted.file, wanted.name)) !=
                     project.groups.end();
  std::vector<std::string> names;
  for (size_t i = 0; i < project.stages.size(); ++i) {
    const Stage& stage = project.stages[i];
    bool hit = false;
    if (recursive) {
      hit = stage.file.starts_with(folder + "/");
    } else if (stage.file == wanted.file) {
      names.push_back(stage.name);
      hit = wanted.name.empty() || stage.name == wanted.name ||
            (group && stage.name.starts_with(wanted.name + "@")) ||
            (request.options.glob && NameMatches(wanted.name, stage.name));
    }
    if (hit) out.push_back(i);
  }
  if (out.size() > before || (request.options.glob && !names.empty())) return {};
  if (wanted.name.empty()) {
    // A file without stages is no mistake; one that is not there is.
    if (os::Exists(wanted.file)) return {};
    return NotFound("no " + RelativePath(wanted.file, request.folder) + " in " + request.folder);
  }
  return NotFound("no stage '" + target + "' in " + RelativePath(wanted.file, request.folder) +
                  DidYouMean(wanted.name, names));
}

Value StageShape(const Stage& stage) {
  Value::List deps, outs, params;
  for (const Dependency& dep : stage.deps) deps.emplace_back(dep.path);
  for (const Output& out : stage.outs) {
    outs.push_back(Value::List{Value(out.path), Value(out.cache), Value(out.persist)});
  }
  for (const ParamsDependency& file : stage.params) {
    Value::List keys;
    for (const std::string& key : file.keys) keys.emplace_back(key);
    params.push_back(Value::List{Value(file.path), Value(std::move(keys))});
  }
  return Value(Value::List{Value(stage.id), stage.command, Value(stage.wdir),
                           Value(std::move(deps)), Value(std::move(params)), Value(std::move(outs)),
                           Value(stage.frozen), Value(stage.always_changed)});
}

}  // namespace

std::vector<std::pair<std::string, std::string>> ParseConfig(const std::string& text) {
  std::vector<std::pair<std::string, std::string>> out;
  std::string section;
  for (const std::string& raw : Split(text, '\n')) {
    const std::string_view line = Trim(raw);
    if (line.empty() || line[0] == '#' || line[0] == ';') continue;
    if (line[0] == '[') {
      section = Lower(Trim(line.substr(1, line.find(']') - 1)));
      continue;
    }
    const size_t equals = line.find('=');
    if (equals == std::string_view::npos) continue;
    out.emplace_back(section + "." + Lower(Trim(line.substr(0, equals))),
                     std::string(Trim(line.substr(equals + 1))));
  }
  return out;
}

std::string FindProjectRoot(const std::string& folder) {
  for (std::string at = folder;; at = os::ParentOf(at)) {
    if (IsFolder(at + "/.dvc")) return at;
    if (at == "/" || at == ".") return folder;
  }
}

std::string FindGitRoot(const std::string& folder) {
  for (std::string at = folder;; at = os::ParentOf(at)) {
    if (os::Exists(at + "/.git")) return at;
    if (at == "/" || at == ".") return "";
  }
}

Status InitProject(const std::string& root) {
  if (IsFolder(root + "/.dvc")) return {};
  const bool git = !FindGitRoot(root).empty();
  if (!os::Exists(root + "/.dvcignore")) {
    TRY(os::WriteFile(root + "/.dvcignore",
                      "# Add patterns of files dvc should ignore, which could improve\n"
                      "# the performance. Learn more at\n"
                      "# https://dvc.org/doc/user-guide/dvcignore\n"));
  }
  // The folder comes last and whole: it says that the project is made.
  const std::string made = root + "/.dvc.tmp";
  TRY(os::RemoveTree(made));
  TRY(os::MakeFolders(made + "/tmp"));
  TRY(os::WriteFile(made + "/config", git ? "" : "[core]\n    no_scm = True\n"));
  TRY(os::WriteFile(made + "/tmp/btime", ""));
  if (git) TRY(os::WriteFile(made + "/.gitignore", "/config.local\n/tmp\n/cache\n"));
  return os::Rename(made, root + "/.dvc");
}

Result<Project> LoadProject(const std::string& folder) {
  Project project;
  const auto info = os::Stat(folder);
  if (!info || info->kind != os::FileInfo::Kind::kDirectory) {
    return NotFound("no folder " + folder);
  }
  project.root = FindProjectRoot(folder);
  project.initialised = IsFolder(project.root + "/.dvc");
  auto config = ReadConfig(project.root);
  if (!IsTrue(config["core.no_scm"])) project.git_root = FindGitRoot(project.root);
  const std::string cache = config["cache.dir"];
  project.cache_folder =
      os::AbsolutePath(os::JoinPath(project.root + "/.dvc", cache.empty() ? "cache" : cache));
  project.style.boolean_optional = config["parsing.bool"] == "boolean_optional";
  project.style.append_lists = config["parsing.list"] == "append";
  TRY(Loader(project).Walk(project.root, 0));
  project.graph = TRY(BuildGraph(project.stages));
  return project;
}

Result<std::vector<size_t>> FindStages(const Project& project, const RunRequest& request) {
  const RunOptions& options = request.options;
  Selection selection;
  selection.single_item = options.single_item && !options.pipeline && !options.all_pipelines;
  selection.downstream = options.downstream && !options.pipeline && !options.all_pipelines;
  selection.pipelines = options.pipeline;
  if (!options.all_pipelines) {
    const std::vector<std::string> targets =
        request.targets.empty() ? std::vector<std::string>{request.file} : request.targets;
    for (const std::string& target : targets) {
      // The default is a file whatever it is called.
      RunRequest plain = request;
      if (request.targets.empty()) plain.options.glob = plain.options.recursive = false;
      TRY(AddTarget(project, plain, target, selection.targets));
    }
    if (selection.targets.empty()) return std::vector<size_t>{};
  }
  return SelectStages(project.stages, project.graph, selection);
}

std::string Shape(const Project& project, const std::vector<size_t>& stages) {
  Value::List all;
  for (const size_t i : stages) all.push_back(StageShape(project.stages[i]));
  return Sha256(PythonJson(Value(std::move(all))));
}

std::string Fingerprint(const Project& project, const std::vector<size_t>& stages,
                        const RunRequest& request) {
  Value::List parts = {Value(Shape(project, stages)), Value(request.name)};
  const RunOptions& o = request.options;
  for (const bool flag : {o.force, o.single_item, o.force_downstream, o.no_run_cache}) {
    parts.emplace_back(flag);
  }
  for (const auto& [key, value] : request.params) {
    parts.push_back(Value::List{Value(key), FromJson(value)});
  }
  std::map<std::string, Value> files;
  for (const size_t i : stages) {
    for (const ParamsDependency& params : project.stages[i].params) {
      const auto [at, is_new] = files.try_emplace(params.absolute);
      if (is_new) at->second = ReadParamsFile(params.absolute).value_or(Value());
      for (const std::string& key : params.keys) {
        const Value* value = at->second.At(key);
        parts.push_back(value == nullptr ? Value() : *value);
      }
      if (params.keys.empty()) parts.push_back(at->second);
    }
  }
  return Sha256(PythonJson(Value(std::move(parts))));
}

}  // namespace tatara::pipelines
