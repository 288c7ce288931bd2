#include "api/mlflow/mlflow.h"

#include <exception>

#include "api/mlflow/endpoints.h"
#include "base/log.h"

namespace tatara::api {
namespace {

// Clients choose their protocol by this: below 3.4 they do not try OTLP for traces.
constexpr std::string_view kSpokenVersion = "3.3.2";

constexpr std::string_view kServerInfo =
    R"({"store_type":"SqlStore","workspaces_enabled":false,"trace_archival_enabled":false,)"
    R"("multipart_uploads_enabled":false,"multipart_downloads_enabled":false,)"
    R"("presigned_upload_run_id_supported":false,"presigned_upload_model_id_supported":false,)"
    R"("features_enabled":{"gateway":false}})";

struct ErrorForm {
  int status;
  std::string_view code;
};

ErrorForm FormOf(Code code) {
  switch (code) {
    case Code::kInvalid:
      return {400, "INVALID_PARAMETER_VALUE"};
    case Code::kNotFound:
      return {404, "RESOURCE_DOES_NOT_EXIST"};
    case Code::kConflict:
      return {400, "RESOURCE_ALREADY_EXISTS"};
    case Code::kDenied:
      return {403, "PERMISSION_DENIED"};
    case Code::kExhausted:
      return {429, "RESOURCE_EXHAUSTED"};
    case Code::kUnavailable:
      return {503, "TEMPORARILY_UNAVAILABLE"};
    case Code::kCancelled:
      return {499, "CANCELLED"};
    case Code::kUnsupported:
      return {501, "NOT_IMPLEMENTED"};
    case Code::kInternal:
      return {500, "INTERNAL_ERROR"};
  }
  return {500, "INTERNAL_ERROR"};
}

net::Response ErrorBody(ErrorForm form, std::string_view message) {
  return net::Response::Json(form.status,
                             Json::Of({{"error_code", form.code}, {"message", message}}).Dump());
}

net::Response Answer(const MlflowContext& context, Call call, const net::Request& request) {
  auto args = Args::Parse(request);
  if (!args) return ErrorResponse(args.error());
  auto body = call(context, *args);
  if (!body) return ErrorResponse(body.error());
  return net::Response::Json(200, *std::move(body));
}

void AddEndpoints(std::vector<net::Route>& routes, const MlflowContext& context,
                  std::span<const Endpoint> endpoints) {
  for (const auto& endpoint : endpoints) {
    for (const std::string_view prefix : {"/api/2.0/mlflow", "/ajax-api/2.0/mlflow"}) {
      routes.push_back(
          {.verb = endpoint.verb,
           .pattern = std::string(prefix) + std::string(endpoint.path),
           .role = endpoint.role,
           .kind = net::RouteKind::kBuffered,
           .handler = [context, call = endpoint.call](
                          net::Request& request) { return Answer(context, call, request); },
           .help = std::string(endpoint.help)});
    }
  }
}

void AddFixed(std::vector<net::Route>& routes, std::string_view path, std::string_view body,
              std::string_view type, std::string_view help) {
  routes.push_back(
      {.verb = net::Verb::kGet,
       .pattern = std::string(path),
       .role = net::Role::kAnyone,
       .kind = net::RouteKind::kBuffered,
       .handler = [body, type](
                      net::Request&) { return net::Response::Text(200, std::string(body), type); },
       .help = std::string(help)});
}

// What of the dialect is not here: the client falls back on, or reports, exactly this code.
void AddNotFound(std::vector<net::Route>& routes) {
  using enum net::Verb;
  for (const std::string_view prefix :
       {"/api/2.0/mlflow", "/ajax-api/2.0/mlflow", "/api/3.0/mlflow", "/ajax-api/3.0/mlflow",
        "/api/2.0/mlflow-artifacts", "/api/4.0/mlflow"}) {
    for (const net::Verb verb : {kGet, kPost, kPut, kPatch, kDelete}) {
      routes.push_back({.verb = verb,
                        .pattern = std::string(prefix) + "/{rest...}",
                        .role = net::Role::kAnyone,
                        .kind = net::RouteKind::kBuffered,
                        .handler = [](net::Request& request) { return EndpointNotFound(request); },
                        .help = "404: not a part of MLflow's API that this version has"});
    }
  }
}

}  // namespace

net::Response ErrorResponse(const Error& error) {
  if (error.code == Code::kInternal) Log::Error("mlflow", error.message);
  net::Response response = ErrorBody(FormOf(error.code), error.message);
  if (error.code == Code::kExhausted || error.code == Code::kUnavailable) {
    response.headers.emplace_back("Retry-After", "1");
  }
  return response;
}

net::Response EndpointNotFound(const net::Request& request) {
  return ErrorBody({404, "ENDPOINT_NOT_FOUND"}, "No endpoint " +
                                                    std::string(net::VerbName(request.verb)) + " " +
                                                    request.path + " in this version of Tatara");
}

std::vector<net::Route> MlflowRoutes(MlflowContext context) {
  std::vector<net::Route> routes;
  for (const auto endpoints : {ExperimentEndpoints(), RunEndpoints(), LoggedModelEndpoints(),
                               RegistryEndpoints(), ArtifactListEndpoints()}) {
    AddEndpoints(routes, context, endpoints);
  }
  for (auto& route : ArtifactRoutes(context)) routes.push_back(std::move(route));
  for (const std::string_view path :
       {"/api/3.0/mlflow/server-info", "/ajax-api/3.0/mlflow/server-info"}) {
    AddFixed(routes, path, kServerInfo, "application/json", "What this server can do");
  }
  AddFixed(routes, "/version", kSpokenVersion, "text/plain; charset=utf-8",
           "The version of MLflow's protocol that is spoken");
  AddFixed(routes, "/health", "OK", "text/plain; charset=utf-8", "200 once the server is ready");
  AddNotFound(routes);
  return routes;
}

}  // namespace tatara::api
