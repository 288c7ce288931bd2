// A stage as a job: its command line, its environment, its needs. Pure.
#pragma once

#include <string>
#include <vector>

#include "jobs/jobs.h"
#include "pipelines/pipelines.h"
#include "pipelines/stage.h"

namespace tatara::pipelines {

// As DVC runs it: each command by $SHELL (else /bin/sh) without its start-up files, one after the
// other until one fails. `remove_outputs`: what another attempt left is deleted first.
std::vector<std::string> StageArgv(const Stage& stage, const std::string& shell,
                                   bool remove_outputs);
// What tatara.yaml says for the stage (the last glob that matches), then its own `meta:`.
Result<StageResources> ResourcesFor(const Stage& stage, const RunRequest& request);
Result<jobs::JobSpec> StageJob(const Stage& stage, const RunRequest& request,
                               const std::string& root, const std::string& work_folder);

}  // namespace tatara::pipelines
