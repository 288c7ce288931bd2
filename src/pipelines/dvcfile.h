// dvc.yaml and .dvc files: from text to stages with everything resolved.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "pipelines/stage.h"
#include "pipelines/templating.h"

namespace tatara::pipelines {

struct DvcFileContext {
  std::string root;  // the project's
  std::string file;  // absolute path of the file
  TemplateStyle style;
  // Reads a file of variables or parameters; kNotFound when there is none.
  std::function<Result<Value>(const std::string& path)> read_params;
};

struct DvcYaml {
  std::vector<Stage> stages;        // generated ones too, in order
  std::vector<std::string> groups;  // names of foreach and matrix stages
};

// Errors name the file and the line.
Result<DvcYaml> ParseDvcYaml(const std::string& text, const DvcFileContext& context);
// One stage without a command. kUnsupported: imports, old single-stage files.
Result<Stage> ParseDvcFile(const std::string& text, const DvcFileContext& context);

// The id of a stage: "name", "dir/dvc.yaml:name", "dir/data.csv.dvc".
std::string StageId(const std::string& root, const std::string& file, const std::string& name);
// `path` relative to `folder` (both absolute), with ".." where needed.
std::string RelativePath(const std::string& path, const std::string& folder);

}  // namespace tatara::pipelines
