#include "api/native/pipelines_routes.h"

#include "api/native/reply.h"

namespace tatara::api {
namespace {

using net::Role;
using net::RouteKind;
using net::Verb;
using pipelines::Pipelines;
using pipelines::RunRequest;

Result<RunRequest> RequestOf(const PipelinesContext& context, const net::Request& http) {
  const Json body = TRY(BodyObject(http));
  RunRequest request;
  request.folder = TRY(body.GetString("folder"));
  request.file = TRY(body.GetStringOr("file", request.file));
  request.targets = TRY(body.GetStrings("targets"));
  if (const Json* options = body.Find("options"); options != nullptr && !options->IsNull()) {
    request.options = TRY(pipelines::ParseRunOptions(*options));
  }
  if (const Json* params = body.Find("params"); params != nullptr && !params->IsNull()) {
    if (!params->IsObject()) return Invalid("'params' must be a map of values");
    for (const auto& [key, value] : params->AsObject()) request.params[key] = value;
  }
  if (const Json* environment = body.Find("environment"); environment && environment->IsObject()) {
    for (const auto& [name, value] : environment->AsObject()) {
      if (value.IsString()) request.environment[name] = value.AsString();
    }
  }
  request.workspace = TRY(body.GetBoolOr("workspace", false));
  request.key = TRY(body.GetStringOr("key", ""));
  return context.resolve ? context.resolve(std::move(request)) : request;
}

Result<Json> StartRun(const PipelinesContext& context, net::Request& http) {
  const RunRequest request = TRY(RequestOf(context, http));
  const auto checked = TRY(context.pipelines.Check(request));
  const auto started = TRY(context.database.Write(
      [&](db::Tx& tx) { return context.pipelines.Start(tx, request, checked); }));
  context.wake();
  return Json::Of({{"id", started.id.value}, {"joined", started.joined}});
}

Result<Json> ExplainRun(const PipelinesContext& context, net::Request& http) {
  const RunRequest request = TRY(RequestOf(context, http));
  return context.pipelines.Explain(request);
}

Result<Json> ListRuns(const PipelinesContext& context, net::Request& http) {
  const int64_t limit = TRY(LimitOf(http));
  const auto runs = TRY(
      context.database.Read([&](db::Reader& reader) { return Pipelines::List(reader, limit); }));
  Json::Array list;
  for (const pipelines::Run& run : runs) list.push_back(ToJson(run));
  return Json::Of({{"pipeline_runs", std::move(list)}});
}

Result<Json> GetRun(const PipelinesContext& context, net::Request& http) {
  const PipelineRunId id(http.Path("id"));
  const auto run =
      TRY(context.database.Read([&](db::Reader& reader) { return Pipelines::Get(reader, id); }));
  return ToJson(run);
}

Result<Json> CancelRun(const PipelinesContext& context, net::Request& http) {
  const PipelineRunId id(http.Path("id"));
  TRY(context.database.Write([&](db::Tx& tx) { return context.pipelines.Cancel(tx, id); }));
  context.wake();
  return Json::Of({{"id", id.value}, {"cancel_requested", true}});
}

}  // namespace

std::vector<net::Route> PipelinesRoutes(PipelinesContext context) {
  const auto with = [&](auto function) {
    return Answer([context, function](net::Request& r) { return function(context, r); });
  };
  return {
      {Verb::kPost,
       "/api/v1/pipelines/runs",
       Role::kEditor,
       RouteKind::kBuffered,
       with(StartRun),
       {},
       "Run a folder's pipeline, or join the same run that is going on."},
      {Verb::kGet,
       "/api/v1/pipelines/runs",
       Role::kViewer,
       RouteKind::kBuffered,
       with(ListRuns),
       {},
       "Pipeline runs, newest first."},
      {Verb::kGet,
       "/api/v1/pipelines/runs/{id}",
       Role::kViewer,
       RouteKind::kBuffered,
       with(GetRun),
       {},
       "One pipeline run with its stages."},
      {Verb::kPost,
       "/api/v1/pipelines/runs/{id}/cancel",
       Role::kEditor,
       RouteKind::kBuffered,
       with(CancelRun),
       {},
       "Cancel a pipeline run and its jobs; answers once the cancel is durable."},
      {Verb::kPost,
       "/api/v1/pipelines/explain",
       Role::kEditor,
       RouteKind::kBuffered,
       with(ExplainRun),
       {},
       "What a run would do with each stage, and why."},
  };
}

}  // namespace tatara::api
