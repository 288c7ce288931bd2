// The rows of pipeline runs and stages. Moves are stored by compare-and-set.
#pragma once

#include <string>
#include <vector>

#include "db/db.h"
#include "pipelines/content.h"
#include "pipelines/pipelines.h"

namespace tatara::pipelines {

struct StoredRun {
  Run run;
  RunRequest request;  // with its environment
  std::string root;
  std::string fingerprint;
  bool cancel_requested = false;
};

std::string RequestText(const RunRequest& request);  // JSON without environment and release
Result<RunRequest> ParseRequest(std::string_view text);

Result<StoredRun> LoadRun(db::Reader& reader, const PipelineRunId& id);
Status InsertRun(db::Tx& tx, const StoredRun& stored);
Status InsertStages(db::Tx& tx, const PipelineRunId& id, const std::vector<StageRow>& stages);
Status UpdateStage(db::Tx& tx, const PipelineRunId& id, size_t position, const StageRow& stage);
// Compare-and-set; false when the run was not in `from`.
Result<bool> MoveRun(db::Tx& tx, const PipelineRunId& id, RunState from, RunState to,
                     const std::string& reason, Time now);

// What is known of a run that has a workspace.
struct WorkspaceRun {
  PipelineRunId id;
  std::string pipeline;  // its name and folder
  int64_t sequence = 0;
  bool finished = false;
};
// Ids that are no run's are left out.
Result<std::vector<WorkspaceRun>> LoadWorkspaceRuns(db::Reader& reader,
                                                    const std::vector<std::string>& ids);

// Loads what the file digests table holds; writes new ones.
Status LoadDigests(db::Reader& reader, Digests& digests);
Status StoreDigests(db::Tx& tx, const std::vector<Digests::Known>& known);

}  // namespace tatara::pipelines
