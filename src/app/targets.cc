#include "app/targets.h"

#include "project/project.h"

namespace tatara::app {

Result<std::string> PipelineTarget::Start(db::Tx& tx, const events::Delivery& delivery) {
  const auto applied = TRY(project::FindApplied(tx, delivery.project));
  if (!applied) return NotFound("project '" + delivery.project + "' is not applied any more");
  project::ParseOptions options;
  options.lookup = [&](std::string_view name) -> std::optional<std::string> {
    const auto found = applied->environment.find(std::string(name));
    return found == applied->environment.end() ? std::nullopt : std::optional(found->second);
  };
  const project::Project project = TRY(project::Parse(applied->text, options));
  const project::PipelineSpec* pipeline = project.FindPipeline(delivery.target);
  if (pipeline == nullptr) return NotFound("there is no pipeline '" + delivery.target + "'");
  pipelines::RunRequest request =
      project::RunRequestOf(project, *pipeline, applied->folder, applied->environment);
  if (delivery.params.IsObject()) {
    for (const auto& [name, value] : delivery.params.AsObject()) request.params[name] = value;
  }
  request.workspace = true;
  request.key = delivery.id;
  request.cause = delivery.cause;
  request.platform = true;
  return TRY(pipelines_.Start(tx, request, nullptr)).id.value;
}

Result<events::Progress> PipelineTarget::Observe(db::Reader& reader, const std::string& handle) {
  const auto run = TRY(pipelines::Pipelines::Get(reader, PipelineRunId(handle)));
  events::Progress progress;
  progress.reason = run.reason;
  switch (run.state) {
    case pipelines::RunState::kSucceeded:
      progress.phase = events::Phase::kSucceeded;
      break;
    case pipelines::RunState::kFailed:
    case pipelines::RunState::kCancelled:
      progress.phase = events::Phase::kFailed;
      break;
    default:
      break;
  }
  return progress;
}

}  // namespace tatara::app
