#include "os/files.h"
#include "project/project.h"

namespace tatara::project {
namespace {

// The nearest folder from `folder` upwards that holds a tatara.yaml, not above a repository's root.
std::optional<std::string> FolderOfProject(std::string folder) {
  for (;;) {
    if (os::Exists(os::JoinPath(folder, "tatara.yaml"))) return folder;
    const bool root = os::Exists(os::JoinPath(folder, ".git")) ||
                      os::Exists(os::JoinPath(folder, ".dvc")) || folder == "/";
    if (root) return std::nullopt;
    folder = os::ParentOf(folder);
  }
}

}  // namespace

Result<pipelines::RunRequest> Resolve(pipelines::RunRequest request) {
  const auto folder = FolderOfProject(request.folder);
  if (!folder) return request;
  const std::string text = TRY(os::ReadFile(os::JoinPath(*folder, "tatara.yaml"), 16 << 20));
  ParseOptions options;
  options.lookup = [&](std::string_view name) -> std::optional<std::string> {
    const auto found = request.environment.find(std::string(name));
    return found == request.environment.end() ? std::nullopt : std::optional(found->second);
  };
  const Project project = TRY(Parse(text, options));
  const PipelineSpec* named =
      request.targets.empty() ? nullptr : project.FindPipeline(request.targets[0]);
  if (named != nullptr && request.targets.size() > 1) {
    return Invalid("'" + request.targets[0] +
                   "' is a pipeline; run one at a time, without targets");
  }
  const PipelineSpec plain;
  const PipelineSpec& pipeline = named != nullptr            ? *named
                                 : project.pipelines.empty() ? plain
                                                             : project.pipelines.front();
  const bool whole = named != nullptr || request.targets.empty();
  pipelines::RunRequest complete =
      RunRequestOf(project, pipeline, whole ? *folder : request.folder, request.environment);
  complete.options = request.options;
  complete.params = request.params;
  complete.cause = request.cause;
  if (!whole) {
    complete.targets = request.targets;
    complete.file = request.file;
    complete.release = Json();
  }
  return complete;
}

}  // namespace tatara::project
