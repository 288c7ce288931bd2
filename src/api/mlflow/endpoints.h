// Inside the MLflow dialect: the tables of endpoints, one for each kind of thing.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "api/mlflow/args.h"
#include "api/mlflow/mlflow.h"

namespace tatara::api {

// Answers the body of a 200; an error becomes MLflow's error object (ErrorResponse).
using Call = Result<std::string> (*)(const MlflowContext&, const Args&);

struct Endpoint {
  net::Verb verb;
  std::string_view path;  // behind "/api/2.0/mlflow"
  net::Role role;
  Call call;
  std::string_view help;
};

std::span<const Endpoint> ExperimentEndpoints();
std::span<const Endpoint> RunEndpoints();
std::span<const Endpoint> LoggedModelEndpoints();
std::span<const Endpoint> RegistryEndpoints();
std::span<const Endpoint> ArtifactListEndpoints();

// The streamed half: the proxy's GET, PUT, DELETE and list, and files of runs.
std::vector<net::Route> ArtifactRoutes(const MlflowContext& context);

// {"error_code", "message"} with MLflow's status of that code.
net::Response ErrorResponse(const Error& error);
net::Response EndpointNotFound(const net::Request& request);

inline constexpr const char* kEmptyObject = "{}";

}  // namespace tatara::api
