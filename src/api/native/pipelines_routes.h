// Pipeline runs over the native API.
#pragma once

#include <functional>
#include <vector>

#include "db/db.h"
#include "net/router.h"
#include "pipelines/pipelines.h"

namespace tatara::api {

struct PipelinesContext {
  db::Database& database;
  pipelines::Pipelines& pipelines;
  std::function<void()> wake;  // Control::Wake
  // Completes a request of a person: which pipeline of the folder's tatara.yaml its targets name,
  // with resources and what follows. Null: dvc.yaml as it stands.
  std::function<Result<pipelines::RunRequest>(pipelines::RunRequest)> resolve = nullptr;
};

std::vector<net::Route> PipelinesRoutes(PipelinesContext context);

}  // namespace tatara::api
