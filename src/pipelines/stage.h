// A stage as its file defines it, with everything resolved: plain data.
#pragma once

#include <string>
#include <vector>

#include "pipelines/value.h"

namespace tatara::pipelines {

struct Dependency {
  std::string path;      // as it stands in dvc.lock: relative to wdir, or absolute
  std::string absolute;  // normalised
};

struct ParamsDependency {
  std::string path;               // relative to wdir
  std::string absolute;           // normalised
  std::vector<std::string> keys;  // empty: the whole file
};

struct Output {
  std::string path;
  std::string absolute;
  bool cache = true;
  bool persist = false;
  bool metric = false;
  bool plot = false;
};

struct Stage {
  std::string file;  // absolute path of its dvc.yaml or .dvc file
  std::string name;  // in dvc.yaml; empty for a .dvc file
  std::string id;    // in the project: "name", "dir/dvc.yaml:name", "data.csv.dvc"
  int line = 0;
  std::string wdir;  // absolute
  Value command;     // a string or a list of strings; none for a .dvc file
  std::vector<Dependency> deps;
  std::vector<ParamsDependency> params;
  std::vector<Output> outs;
  bool frozen = false;
  bool always_changed = false;
  Value meta;

  bool IsData() const { return command.IsNone(); }  // of `dvc add`
  // No way to tell whether it changed: it runs each time.
  bool IsCallback() const { return !IsData() && deps.empty() && params.empty() && outs.empty(); }
};

// The commands one after the other, each for a shell of its own.
std::vector<std::string> CommandLines(const Stage& stage);

}  // namespace tatara::pipelines
