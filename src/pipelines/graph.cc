#include "pipelines/graph.h"

#include <algorithm>
#include <map>

#include "base/strings.h"
#include "os/files.h"

namespace tatara::pipelines {
namespace {

struct Owner {
  size_t stage = 0;
  const Output* out = nullptr;
};
using Outputs = std::map<std::string, Owner>;  // by absolute path

std::string Where(const Stage& stage) { return "stage '" + stage.id + "'"; }

// "dvc.yaml:12: ", or nothing for a stage without a place.
std::string At(const Stage& stage) {
  if (stage.line <= 0) return "";
  std::string file = stage.id;
  if (!stage.name.empty()) {
    const size_t end = file.rfind(":" + stage.name);
    file = end == std::string::npos ? "dvc.yaml" : file.substr(0, end);
  }
  return file + ":" + std::to_string(stage.line) + ": ";
}

// The output at `path` or at a folder above it, or null.
const Owner* OutputAround(const Outputs& outputs, std::string path) {
  for (;;) {
    if (const auto found = outputs.find(path); found != outputs.end()) return &found->second;
    if (path == "/" || path == ".") return nullptr;
    path = os::ParentOf(path);
  }
}

Result<Outputs> CollectOutputs(const std::vector<Stage>& stages) {
  Outputs outputs;
  for (size_t i = 0; i < stages.size(); ++i) {
    for (const Output& out : stages[i].outs) {
      const auto [at, is_new] = outputs.try_emplace(out.absolute, Owner{i, &out});
      if (!is_new && at->second.stage != i) {
        return Invalid(At(stages[i]) + "the output '" + out.path + "' belongs to two stages: '" +
                       stages[at->second.stage].id + "' and '" + stages[i].id + "'");
      }
    }
  }
  for (const auto& [path, owner] : outputs) {
    const Owner* outer = OutputAround(outputs, os::ParentOf(path));
    if (outer == nullptr) continue;
    return Invalid(At(stages[owner.stage]) + "the output '" + owner.out->path + "' of " +
                   Where(stages[owner.stage]) + " lies in the output '" + outer->out->path +
                   "' of " + Where(stages[outer->stage]) + "; outputs must not overlap");
  }
  for (const Stage& stage : stages) {
    const Owner* outer = OutputAround(outputs, stage.file);
    if (outer == nullptr) continue;
    return Invalid(At(stage) + Where(stage) + " is defined inside the output '" + outer->out->path +
                   "' of " + Where(stages[outer->stage]) +
                   ", which is deleted before that one runs");
  }
  return outputs;
}

// What is wrong when stages form a circle, or empty. Depth first: 0 new, 1 on the way, 2 done.
std::string FindCircle(const std::vector<Stage>& stages, const Graph& graph) {
  std::vector<int> state(stages.size(), 0);
  for (size_t start = 0; start < stages.size(); ++start) {
    if (state[start] != 0) continue;
    std::vector<std::pair<size_t, size_t>> way = {{start, 0}};  // stage, next need to look at
    state[start] = 1;
    while (!way.empty()) {
      auto& [at, next] = way.back();
      if (next == graph.needs[at].size()) {
        state[at] = 2;
        way.pop_back();
        continue;
      }
      const size_t need = graph.needs[at][next++];
      if (state[need] == 1) {
        std::string text =
            At(stages[need]) + "stages need each other in a circle: '" + stages[need].id + "'";
        for (auto step = way.rbegin(); step != way.rend(); ++step) {
          text += " <- '" + stages[step->first].id + "'";
          if (step->first == need) break;
        }
        return text;
      }
      if (state[need] == 0) {
        state[need] = 1;
        way.emplace_back(need, 0);
      }
    }
  }
  return "";
}

// Depth first from `starts`, each after what `edges` says it follows.
std::vector<size_t> InOrder(const std::vector<std::vector<size_t>>& edges,
                            const std::vector<size_t>& starts, const std::vector<bool>& inside) {
  std::vector<bool> seen(edges.size(), false);
  std::vector<size_t> order;
  for (const size_t start : starts) {
    if (seen[start]) continue;
    std::vector<std::pair<size_t, size_t>> way = {{start, 0}};
    seen[start] = true;
    while (!way.empty()) {
      auto& [at, next] = way.back();
      if (next == edges[at].size()) {
        order.push_back(at);
        way.pop_back();
        continue;
      }
      const size_t other = edges[at][next++];
      if (seen[other] || !inside[other]) continue;
      seen[other] = true;
      way.emplace_back(other, 0);
    }
  }
  return order;
}

std::vector<std::vector<size_t>> Reversed(const std::vector<std::vector<size_t>>& edges) {
  std::vector<std::vector<size_t>> out(edges.size());
  for (size_t i = 0; i < edges.size(); ++i) {
    for (const size_t other : edges[i]) out[other].push_back(i);
  }
  return out;
}

}  // namespace

Result<Graph> BuildGraph(const std::vector<Stage>& stages) {
  const Outputs outputs = TRY(CollectOutputs(stages));
  Graph graph;
  graph.needs.resize(stages.size());
  for (size_t i = 0; i < stages.size(); ++i) {
    std::vector<size_t>& needs = graph.needs[i];
    const auto add = [&](const std::string& path) {
      if (const Owner* around = OutputAround(outputs, path)) needs.push_back(around->stage);
      const std::string below = path + "/";
      for (auto at = outputs.lower_bound(below);
           at != outputs.end() && at->first.starts_with(below); ++at) {
        needs.push_back(at->second.stage);
      }
    };
    for (const Dependency& dep : stages[i].deps) add(dep.absolute);
    for (const ParamsDependency& params : stages[i].params) add(params.absolute);
    std::ranges::sort(needs);
    needs.erase(std::unique(needs.begin(), needs.end()), needs.end());
  }
  if (const std::string circle = FindCircle(stages, graph); !circle.empty()) {
    return Invalid(circle);
  }
  for (size_t i = 0; i < stages.size(); ++i) {
    if (stages[i].frozen) graph.needs[i].clear();
  }
  return graph;
}

std::vector<size_t> SelectStages(const std::vector<Stage>& stages, const Graph& graph,
                                 const Selection& selection) {
  std::vector<size_t> starts = selection.targets;
  if (starts.empty()) {
    for (size_t i = 0; i < stages.size(); ++i) starts.push_back(i);
  }
  std::vector<bool> inside(stages.size(), false);
  const auto everything = std::vector<bool>(stages.size(), true);
  if (selection.single_item) {
    for (const size_t start : starts) inside[start] = true;
  } else if (selection.pipelines) {
    auto both = graph.needs;
    const auto back = Reversed(graph.needs);
    for (size_t i = 0; i < both.size(); ++i) {
      both[i].insert(both[i].end(), back[i].begin(), back[i].end());
    }
    for (const size_t i : InOrder(both, starts, everything)) inside[i] = true;
  } else {
    const auto edges = selection.downstream ? Reversed(graph.needs) : graph.needs;
    for (const size_t i : InOrder(edges, starts, everything)) inside[i] = true;
  }
  std::vector<size_t> all;
  for (size_t i = 0; i < stages.size(); ++i) {
    if (inside[i]) all.push_back(i);
  }
  return InOrder(graph.needs, all, inside);
}

}  // namespace tatara::pipelines
