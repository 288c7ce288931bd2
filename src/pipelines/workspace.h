// Getting a run ready on the disk: its workspace, its parameters, its graph. Blocking.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "pipelines/project.h"
#include "pipelines/store.h"

namespace tatara::pipelines {

// The graph of a run, as far as the run is about it.
struct Loaded {
  std::shared_ptr<const Project> project;  // shared by the run and its tasks on the work pool
  std::vector<size_t> stages;              // places in the project, each after those it needs
  std::string shape;
};

// Reads and checks the graph of `request` as its folder stands.
Result<Loaded> LoadGraph(const RunRequest& request);

struct Workspace {
  std::string root;    // HOME/workspaces/RUN; empty: the run works in the folder itself
  std::string hidden;  // the home: never copied
};
// Makes the workspace if it is not there yet, sets the request's parameters, loads the graph.
Result<Loaded> PrepareRun(const RunRequest& request, const Workspace& workspace);

// Where a run of `folder` works inside a workspace.
std::string WorkFolder(const std::string& folder, const std::string& workspace_root);

// Which workspaces may go: of each pipeline all that are finished but the newest kWorkspacesKept.
// One that runs or is being released never does. Pure.
constexpr size_t kWorkspacesKept = 3;
std::vector<PipelineRunId> Outlived(std::vector<WorkspaceRun> runs);

}  // namespace tatara::pipelines
