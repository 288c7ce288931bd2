#include "pipelines/workspace.h"

#include <algorithm>
#include <functional>
#include <map>
#include <set>

#include "base/strings.h"
#include "base/yaml_fields.h"
#include "os/files.h"
#include "pipelines/cache.h"
#include "pipelines/data_file.h"
#include "pipelines/dvcfile.h"
#include "pipelines/ignore.h"
#include "pipelines/params.h"

namespace tatara::pipelines {
namespace {

constexpr int64_t kTextMax = 64 << 20;
constexpr int kDepthMax = 100;

// Copies what git and DVC do not ignore and no stage makes.
class Copier {
 public:
  Copier(const Project& project, std::string hidden)
      : project_(project),
        hidden_(std::move(hidden)),
        dvc_ignore_(Ignore::Dvc(project.root)),
        git_ignore_(Ignore::Git(project.git_root.empty() ? project.root : project.git_root)) {
    for (const Stage& stage : project.stages) {
      for (const Output& out : stage.outs) {
        if (out.cache) outputs_.insert(out.absolute);
      }
    }
  }

  Status Copy(const std::string& from, const std::string& to, int depth) {
    if (depth > kDepthMax) return Invalid("the folder " + from + " is nested too deeply");
    TRY(os::MakeFolders(to));
    for (const std::string& name : TRY(os::ListFolder(from))) {
      const std::string path = from + "/" + name;
      const auto info = os::Stat(path);
      if (!info) continue;  // a link that leads nowhere
      const bool folder = info->kind == os::FileInfo::Kind::kDirectory;
      if (!folder && info->kind != os::FileInfo::Kind::kFile) continue;
      if (LeftOut(path, name, folder)) continue;
      if (folder)
        TRY(Copy(path, to + "/" + name, depth + 1));
      else
        TRY(os::CopyFile(path, to + "/" + name));
    }
    return {};
  }

 private:
  bool LeftOut(const std::string& path, const std::string& name, bool folder) {
    if (name == ".git" || name == ".tatara" || name == ".dvc" || path == hidden_) return true;
    return outputs_.contains(path) || dvc_ignore_.Ignored(path, folder) ||
           git_ignore_.Ignored(path, folder);
  }

  const Project& project_;
  const std::string hidden_;
  Ignore dvc_ignore_, git_ignore_;
  std::set<std::string> outputs_;
};

// The workspace is a project of its own, outside of git, that shares the cache.
Status MakeConfig(const Project& project, const std::string& root) {
  TRY(os::MakeFolders(root + "/.dvc/tmp"));
  const auto config = os::ReadFile(project.root + "/.dvc/config", kTextMax);
  TRY(os::WriteFile(root + "/.dvc/config", config.value_or("")));
  const auto local = os::ReadFile(project.root + "/.dvc/config.local", kTextMax);
  return os::WriteFile(root + "/.dvc/config.local",
                       local.value_or("") + "[core]\n    no_scm = True\n[cache]\n    dir = " +
                           project.cache_folder + "\n");
}

// Data of `dvc add` comes from the cache; what is not there is found missing by its stage.
Status CheckOutData(const Project& project, const std::string& root) {
  const Cache cache(project.cache_folder);
  for (const Stage& stage : project.stages) {
    if (!stage.IsData()) continue;
    const std::string text = TRY(os::ReadFile(stage.file, kTextMax));
    const auto items = TRY(ParseDataItems(text));
    for (const Output& out : stage.outs) {
      const auto item = std::ranges::find(items, out.path, &LockItem::path);
      if (item == items.end() || !cache.Holds(item->md5, item->legacy)) continue;
      TRY(cache.CheckOut(*item, root + "/" + RelativePath(out.absolute, project.root)));
    }
  }
  return {};
}

Status SetParams(const RunRequest& request, const std::string& folder) {
  if (request.params.empty()) return {};
  const std::string path = folder + "/params.yaml";
  const std::string before = TRY(os::ReadFile(path, kTextMax));
  std::string text = before;
  for (const auto& [key, value] : request.params) {
    auto changed = SetYamlScalar(text, key, FromJson(value));
    if (!changed) return std::unexpected(InFile("params.yaml", changed.error()));
    text = *std::move(changed);
  }
  return text == before ? Status{} : os::WriteFileDurably(path, text);
}

Status FillWorkspace(const RunRequest& request, const Workspace& workspace,
                     const std::string& made) {
  const Project project = TRY(LoadProject(request.folder));
  TRY(Copier(project, workspace.hidden).Copy(project.root, made, 0));
  TRY(MakeConfig(project, made));
  TRY(CheckOutData(project, made));
  return SetParams(request, made + "/" + RelativePath(request.folder, project.root));
}

// Under another name first: a workspace that stands there is whole.
Status MakeWorkspace(const RunRequest& request, const Workspace& workspace) {
  if (os::Exists(workspace.root)) return {};
  const std::string made = workspace.root + ".tmp";
  TRY(os::RemoveTree(made));
  if (Status filled = FillWorkspace(request, workspace, made); !filled) {
    (void)os::RemoveTree(made);
    return filled;
  }
  return os::Rename(made, workspace.root);
}

}  // namespace

std::string WorkFolder(const std::string& folder, const std::string& workspace_root) {
  if (workspace_root.empty()) return folder;
  return os::AbsolutePath(workspace_root + "/" + RelativePath(folder, FindProjectRoot(folder)));
}

Result<Loaded> LoadGraph(const RunRequest& request) {
  Loaded loaded;
  auto project = std::make_shared<Project>(TRY(LoadProject(request.folder)));
  loaded.stages = TRY(FindStages(*project, request));
  loaded.shape = Shape(*project, loaded.stages);
  loaded.project = std::move(project);
  return loaded;
}

Result<Loaded> PrepareRun(const RunRequest& request, const Workspace& workspace) {
  RunRequest local = request;
  if (workspace.root.empty()) {
    TRY(SetParams(request, request.folder));
  } else {
    TRY(MakeWorkspace(request, workspace));
    local.folder = WorkFolder(request.folder, workspace.root);
  }
  TRY(InitProject(FindProjectRoot(local.folder)));
  return LoadGraph(local);
}

std::vector<PipelineRunId> Outlived(std::vector<WorkspaceRun> runs) {
  std::ranges::sort(runs, std::greater(), &WorkspaceRun::sequence);
  std::map<std::string, size_t> kept;
  std::vector<PipelineRunId> out;
  for (const WorkspaceRun& run : runs) {
    if (run.finished && ++kept[run.pipeline] > kWorkspacesKept) out.push_back(run.id);
  }
  return out;
}

}  // namespace tatara::pipelines
