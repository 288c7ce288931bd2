// What rules start inside the platform: modules meet here that do not know each other.
#pragma once

#include "events/events.h"
#include "pipelines/pipelines.h"

namespace tatara::app {

// Starts a pipeline of an applied project in a workspace of its own. The delivery's id is the run's
// key, so a start that is repeated after a crash is the same run.
class PipelineTarget : public events::Target {
 public:
  explicit PipelineTarget(pipelines::Pipelines& pipelines) : pipelines_(pipelines) {}
  Result<std::string> Start(db::Tx& tx, const events::Delivery& delivery) override;
  Result<events::Progress> Observe(db::Reader& reader, const std::string& handle) override;

 private:
  pipelines::Pipelines& pipelines_;
};

}  // namespace tatara::app
