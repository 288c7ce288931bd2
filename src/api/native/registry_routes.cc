#include "api/native/registry_routes.h"

#include <algorithm>
#include <map>

#include "api/native/reply.h"
#include "events/events.h"
#include "registry/registry.h"

namespace tatara::api {
namespace {

using net::Role;
using net::RouteKind;
using net::Verb;

constexpr int64_t kPageRuns = 1000;

Json TimeOrNull(const std::optional<int64_t>& millis) {
  return millis ? Json(FormatTime(FromMillis(*millis))) : Json();
}

Json RunJson(const tracking::Run& run, const std::string& experiment) {
  Json params = Json::MakeObject(), metrics = Json::MakeObject(), tags = Json::MakeObject();
  for (const auto& [key, value] : run.params) params.Set(key, value);
  for (const auto& metric : run.metrics) metrics.Set(metric.key, Json(metric.value));
  for (const auto& [key, value] : run.tags) tags.Set(key, value);
  return Json::Of({{"run_id", run.info.id.value},
                   {"experiment", experiment},
                   {"name", run.info.name},
                   {"status", tracking::StatusName(run.info.status)},
                   {"start", TimeOrNull(run.info.start_ms)},
                   {"end", TimeOrNull(run.info.end_ms)},
                   {"params", std::move(params)},
                   {"metrics", std::move(metrics)},
                   {"tags", std::move(tags)},
                   {"artifact_uri", run.info.artifact_uri}});
}

Result<std::map<int64_t, std::string>> ExperimentNames(db::Reader& reader) {
  std::map<int64_t, std::string> names;
  tracking::SearchRequest request{.max_results = 1000};
  do {
    auto page = TRY(tracking::SearchExperiments(reader, request));
    for (const auto& experiment : page.items) names[experiment.id] = experiment.name;
    request.page_token = page.next_token;
  } while (!request.page_token.empty());
  return names;
}

Result<Json> ListRuns(const RegistryContext& context, net::Request& request) {
  const int64_t limit = TRY(LimitOf(request));
  const std::string wanted = request.QueryOr("experiment");
  return context.database.Read([&](db::Reader& reader) -> Result<Json> {
    const auto names = TRY(ExperimentNames(reader));
    std::vector<int64_t> experiments;
    for (const auto& [id, name] : names) {
      if (wanted.empty() || wanted == name) experiments.push_back(id);
    }
    if (experiments.empty()) return NotFound("no experiment '" + wanted + "'");
    tracking::SearchRequest search{.filter = request.QueryOr("filter")};
    Json::Array list;
    do {
      search.max_results =
          limit > 0 ? std::min(limit - static_cast<int64_t>(list.size()), kPageRuns) : kPageRuns;
      auto page = TRY(tracking::SearchRuns(reader, experiments, search));
      for (const auto& run : page.items)
        list.push_back(RunJson(run, names.at(run.info.experiment_id)));
      search.page_token = page.next_token;
    } while (!search.page_token.empty() &&
             (limit == 0 || static_cast<int64_t>(list.size()) < limit));
    return Json::Of({{"runs", std::move(list)}});
  });
}

Result<Json> GetRun(const RegistryContext& context, net::Request& request) {
  return context.database.Read([&](db::Reader& reader) -> Result<Json> {
    const auto run = TRY(tracking::GetRun(reader, RunId(request.Path("id"))));
    const auto experiment = TRY(tracking::GetExperiment(reader, run.info.experiment_id));
    return RunJson(run, experiment.name);
  });
}

Result<Json> ListModels(const RegistryContext& context, net::Request& request) {
  const std::string wanted = request.QueryOr("name");
  return context.database.Read([&](db::Reader& reader) -> Result<Json> {
    Json::Array list;
    tracking::SearchRequest search{.max_results = 10000};
    do {
      auto page = TRY(registry::SearchVersions(reader, search));
      for (const auto& found : page.items) {
        if (!wanted.empty() && found.name != wanted) continue;
        // Search answers carry no aliases, as MLflow's.
        const auto version = TRY(registry::GetVersion(reader, found.name, found.version));
        Json::Array aliases;
        for (const std::string& alias : version.aliases) aliases.emplace_back(alias);
        list.push_back(Json::Of({{"name", version.name},
                                 {"version", version.version},
                                 {"aliases", std::move(aliases)},
                                 {"run_id", version.run_id},
                                 {"created", FormatTime(FromMillis(version.creation_ms))},
                                 {"stage", version.stage},
                                 {"status", version.status}}));
      }
      search.page_token = page.next_token;
    } while (!search.page_token.empty());
    return Json::Of({{"models", std::move(list)}});
  });
}

// What a URI of ours stands for: its path in the artifact store, the file on this machine where
// there is one, and for models the ONNX file and its signature.
Result<Json> ResolveUri(const RegistryContext& context, net::Request& request) {
  const std::string uri = request.QueryOr("uri");
  const auto resolved = TRY(
      context.database.Read([&](db::Reader& reader) { return registry::Resolve(reader, uri); }));
  Json out = Json::Of({{"uri", uri}, {"artifact_path", resolved.artifact_path}});
  if (resolved.version) {
    out.Set("version", resolved.version->version);
    out.Set("run_id", resolved.version->run_id);
  }
  std::string file = resolved.artifact_path;
  if (request.QueryOr("model") == "true") {
    const auto onnx = TRY(registry::FindOnnx(context.artifacts, resolved.artifact_path));
    Json::Array inputs;
    for (const std::string& name : onnx.inputs) inputs.emplace_back(name);
    out.Set("features", std::move(inputs));
    file = onnx.path;
  }
  out.Set("file", file);
  const auto local = context.artifacts.LocalPath(file);
  out.Set("local", local ? Json(*local) : Json());
  return out;
}

// Metrics of an evaluation, or the verdict of a gate, onto a run.
Result<Json> LogToRun(const RegistryContext& context, net::Request& request) {
  const RunId id(request.Path("id"));
  const Json body = TRY(BodyObject(request));
  tracking::Batch batch;
  const int64_t now = ToMillis(context.clock.Now());
  if (const Json* metrics = body.Find("metrics"); metrics != nullptr && metrics->IsObject()) {
    for (const auto& [name, value] : metrics->AsObject()) {
      if (value.IsNumber()) {
        batch.metrics.push_back({.key = name, .value = value.AsDouble(), .timestamp_ms = now});
      }
    }
  }
  if (const Json* tags = body.Find("tags"); tags != nullptr && tags->IsObject()) {
    for (const auto& [name, value] : tags->AsObject()) {
      if (value.IsString()) batch.tags.push_back({name, value.AsString()});
    }
  }
  TRY(tracking::CheckBatch(batch));
  std::optional<events::NewEvent> event;
  if (const Json* given = body.Find("event"); given != nullptr && given->IsObject()) {
    event = events::NewEvent{.time = context.clock.Now(), .subject = "runs:/" + id.value};
    event->source = TRY(given->GetString("source"));
    event->type = TRY(given->GetString("type"));
    const Json* detail = given->Find("detail");
    event->detail = detail != nullptr ? *detail : Json::MakeObject();
  }
  const Status logged = context.database.Write([&](db::Tx& tx) -> Status {
    TRY(tracking::LogBatch(tx, id, batch, context.clock.Now()));
    if (event) TRY(events::Append(tx, *event));
    return {};
  });
  TRY(logged);
  return Json::Of({{"run_id", id.value}});
}

}  // namespace

std::vector<net::Route> RegistryRoutes(RegistryContext context) {
  const auto with = [&](auto function) {
    return Answer([context, function](net::Request& r) { return function(context, r); });
  };
  return {
      {Verb::kGet,
       "/api/v1/runs",
       Role::kViewer,
       RouteKind::kBuffered,
       with(ListRuns),
       {},
       "Runs, newest first; ?experiment=, ?filter= in MLflow's language, ?limit=."},
      {Verb::kGet,
       "/api/v1/runs/{id}",
       Role::kViewer,
       RouteKind::kBuffered,
       with(GetRun),
       {},
       "One run."},
      {Verb::kPost,
       "/api/v1/runs/{id}/log",
       Role::kEditor,
       RouteKind::kBuffered,
       with(LogToRun),
       {},
       "Log metrics, tags and an event of an evaluation to a run."},
      {Verb::kGet,
       "/api/v1/models",
       Role::kViewer,
       RouteKind::kBuffered,
       with(ListModels),
       {},
       "Model versions with their aliases."},
      {Verb::kGet,
       "/api/v1/resolve",
       Role::kViewer,
       RouteKind::kBuffered,
       with(ResolveUri),
       {},
       "What ?uri= (models:/, runs:/) stands for in the artifact store."},
  };
}

}  // namespace tatara::api
