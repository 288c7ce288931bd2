// A DVC project on the disk: its root, its configuration, all its stages.
//
// As in DVC, all dvc.yaml and .dvc files are read whatever a run is about: one broken file stops
// every run. Blocking reads; plain data afterwards.
#pragma once

#include <string>
#include <vector>

#include "pipelines/graph.h"
#include "pipelines/pipelines.h"
#include "pipelines/stage.h"
#include "pipelines/templating.h"

namespace tatara::pipelines {

struct Project {
  std::string root;          // absolute
  bool initialised = false;  // there is a .dvc folder
  std::string git_root;      // empty: outputs get no .gitignore lines
  std::string cache_folder;
  TemplateStyle style;
  std::vector<Stage> stages;
  Graph graph;
  std::vector<std::pair<std::string, std::string>> groups;  // file, name of foreach and matrix
};

// The nearest folder upwards with a .dvc folder, else `folder` itself.
std::string FindProjectRoot(const std::string& folder);
Result<Project> LoadProject(const std::string& folder);
// Makes what `dvc init` makes (with --no-scm outside of a git repository). A repeat changes
// nothing.
Status InitProject(const std::string& root);
// The repository that `folder` lies in, or empty.
std::string FindGitRoot(const std::string& folder);

// Which stages a request is about, those that they need included. kNotFound names the target.
Result<std::vector<size_t>> FindStages(const Project& project, const RunRequest& request);

// A digest of everything that decides what a run does, but the contents of files: commands, paths,
// values of parameters, targets and options.
std::string Fingerprint(const Project& project, const std::vector<size_t>& stages,
                        const RunRequest& request);
// The same without the values of parameters: what must not change while a run goes on.
std::string Shape(const Project& project, const std::vector<size_t>& stages);

// DVC's configuration files: "section.key" -> value, later texts win.
std::vector<std::pair<std::string, std::string>> ParseConfig(const std::string& text);

}  // namespace tatara::pipelines
