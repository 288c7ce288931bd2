// Which stage needs which, and which of them a run is about. Pure.
//
// An edge leads to another stage's output that a dependency equals, contains or lies in. Refused:
// the same output twice, an output inside another, a dvc.yaml or .dvc file inside an output, and
// stages that need each other in a circle. A frozen stage needs nobody.
#pragma once

#include <string>
#include <vector>

#include "pipelines/stage.h"

namespace tatara::pipelines {

struct Graph {
  std::vector<std::vector<size_t>> needs;  // for each stage the stages whose outputs it reads
};

Result<Graph> BuildGraph(const std::vector<Stage>& stages);

struct Selection {
  std::vector<size_t> targets;  // empty: all stages
  bool single_item = false;     // the targets and nothing else
  bool downstream = false;      // the targets and all that need them
  bool pipelines = false;       // all that hangs together with the targets
};
// The stages of a run, each after those that it needs.
std::vector<size_t> SelectStages(const std::vector<Stage>& stages, const Graph& graph,
                                 const Selection& selection);

}  // namespace tatara::pipelines
