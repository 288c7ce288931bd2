#include "api/native/project_routes.h"

#include "api/native/reply.h"
#include "api/native/why.h"
#include "project/project.h"

namespace tatara::api {
namespace {

using net::Role;
using net::RouteKind;
using net::Verb;

struct Request {
  project::ApplyRequest apply;
  project::Project project;
};

Result<Request> RequestOf(net::Request& http) {
  const Json body = TRY(BodyObject(http));
  Request request;
  request.apply.folder = TRY(body.GetString("folder"));
  request.apply.text = TRY(body.GetString("text"));
  if (const Json* environment = body.Find("environment"); environment && environment->IsObject()) {
    for (const auto& [name, value] : environment->AsObject()) {
      if (value.IsString()) request.apply.environment[name] = value.AsString();
    }
  }
  const auto& variables = request.apply.environment;
  project::ParseOptions options;
  options.file = TRY(body.GetStringOr("file", options.file));
  options.lookup = [&](std::string_view name) -> std::optional<std::string> {
    const auto found = variables.find(std::string(name));
    return found == variables.end() ? std::nullopt : std::optional(found->second);
  };
  options.check_sql = project::SqlChecker();
  request.project = TRY(project::Parse(request.apply.text, options));
  return request;
}

Json ChangesJson(const project::Project& project, const std::vector<project::Change>& changes) {
  return Json::Of({{"project", project.name},
                   {"changes", project::ToJson(changes)},
                   {"warnings", Json::Strings(project.warnings)}});
}

Result<Json> PlanProject(const ProjectContext& context, net::Request& http) {
  const Request request = TRY(RequestOf(http));
  const auto present = TRY(context.database.Read(
      [&](db::Reader& reader) { return project::AppliedItems(reader, request.project.name); }));
  return ChangesJson(request.project,
                     project::Difference(present, project::ItemsOf(request.project)));
}

Result<Json> ApplyProject(const ProjectContext& context, net::Request& http) {
  const Request request = TRY(RequestOf(http));
  const auto changes = TRY(context.database.Write([&](db::Tx& tx) {
    return project::Apply(tx, request.apply, request.project, context.clock.Now());
  }));
  context.applied();
  return ChangesJson(request.project, changes);
}

Result<Json> ListMonitors(const ProjectContext& context, net::Request&) {
  const auto found = TRY(context.database.Read(monitor::Monitor::List));
  Json::Array list;
  for (const auto& status : found) list.push_back(monitor::ToJson(status));
  return Json::Of({{"monitors", std::move(list)}});
}

Result<Json> Why(const ProjectContext& context, net::Request& http) {
  const std::string thing = http.QueryOr("thing");
  return context.database.Read([&](db::Reader& reader) { return WhyChain(reader, thing); });
}

}  // namespace

std::vector<net::Route> ProjectRoutes(ProjectContext context) {
  const auto with = [&](auto function) {
    return Answer([context, function](net::Request& r) { return function(context, r); });
  };
  return {
      {Verb::kPost,
       "/api/v1/project/plan",
       Role::kViewer,
       RouteKind::kBuffered,
       with(PlanProject),
       {},
       "What applying this tatara.yaml would change."},
      {Verb::kPost,
       "/api/v1/project/apply",
       Role::kAdmin,
       RouteKind::kBuffered,
       with(ApplyProject),
       {},
       "Make it so."},
      {Verb::kGet,
       "/api/v1/monitors",
       Role::kViewer,
       RouteKind::kBuffered,
       with(ListMonitors),
       {},
       "Monitors and the window that each will close next."},
      {Verb::kGet,
       "/api/v1/why",
       Role::kViewer,
       RouteKind::kBuffered,
       with(Why),
       {},
       "The chain of causes of ?thing=, newest first."},
  };
}

}  // namespace tatara::api
