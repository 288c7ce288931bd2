// deploy, endpoints, invoke.
#include "base/strings.h"
#include "cli/commands/commands.h"
#include "cli/session.h"
#include "os/os.h"

namespace tatara::cli {
namespace {

constexpr std::string_view kSection = "Serve";
constexpr std::chrono::milliseconds kDeployTimeout{300'000};

Result<Json> BodyOf(const net::Response& response) {
  if (response.status >= 300) return std::unexpected(ErrorOf(response));
  return ParseJson(response.body);
}

// The file's bytes go to the server, which may be on another machine.
Result<Json> DeployFile(Session& session, const std::string& path, const std::string& endpoint) {
  const std::string name = PercentEncode(os::NameOf(path));
  const auto response = TRY(
      session.Send({.verb = net::Verb::kPost,
                    .target = "/api/v1/endpoints/" + PercentEncode(endpoint) + "/file?name=" + name,
                    .body = TRY(os::ReadFile(path)),
                    .headers = {{"Content-Type", "application/octet-stream"}},
                    .timeout = kDeployTimeout}));
  return BodyOf(response);
}

Result<int> Deploy(Context& context) {
  const std::string& uri = context.arguments.positional[0];
  const auto endpoint = context.arguments.Get("--as");
  if (!endpoint) return Invalid("which endpoint? tatara deploy " + uri + " --as ENDPOINT");
  const bool is_file = !uri.starts_with("models:/");
  if (is_file && !os::Exists(uri)) {
    return NotFound("no file " + uri +
                    " (a registered model is models:/NAME/N or models:/NAME@ALIAS)");
  }
  auto session = TRY(Session::Open(context.globals, Access::kOwn));
  const Json answer =
      is_file
          ? TRY(DeployFile(*session, uri, *endpoint))
          : TRY(session->Post("/api/v1/deploy", Json::Of({{"uri", uri}, {"endpoint", *endpoint}}),
                              kDeployTimeout));
  if (context.globals.json) {
    context.out.PrintJson(answer);
    return 0;
  }
  context.out.Line("endpoint " + *endpoint + " answers with version " +
                   TRY(answer.GetString("version")) + " (" + TRY(answer.GetString("model")) + ")");
  if (session->owned() != nullptr) {
    context.out.Note("no server runs here: it answers once `tatara up` does");
  }
  return 0;
}

std::string TextOf(const Json& object, std::string_view name) {
  const Json* value = object.Find(name);
  return value != nullptr && value->IsString() ? value->AsString() : "";
}

Result<int> ListEndpoints(Context& context) {
  auto session = TRY(Session::Open(context.globals, Access::kRead));
  const Json answer = TRY(session->Get("/api/v1/endpoints"));
  if (context.globals.json) {
    context.out.PrintJson(answer);
    return 0;
  }
  std::vector<std::vector<std::string>> rows;
  std::vector<std::string> notes;
  for (const Json& endpoint : TRY(answer.GetArray("endpoints"))) {
    if (const std::string failure = TextOf(endpoint, "capture_failure"); !failure.empty()) {
      notes.push_back(TextOf(endpoint, "name") + ": captured rows cannot be written: " + failure);
    }
    const auto versions = TRY(endpoint.GetStrings("versions"));
    rows.push_back({TextOf(endpoint, "name"), context.out.State(TextOf(endpoint, "state")),
                    TextOf(endpoint, "version"), Join(versions, " "), TextOf(endpoint, "model"),
                    TextOf(endpoint, "reason")});
  }
  context.out.Table({"name", "state", "version", "loaded", "follows", "reason"}, rows,
                    "no endpoints yet; `tatara deploy models:/NAME@ALIAS --as ENDPOINT` makes one");
  for (const std::string& note : notes) context.out.Note(note);
  return 0;
}

Result<int> Invoke(Context& context) {
  const std::string& endpoint = context.arguments.positional[0];
  const std::string& path = context.arguments.positional[1];
  const bool csv = Lower(path).ends_with(".csv");
  const std::string body = TRY(os::ReadFile(path == "-" ? "/dev/stdin" : path));
  auto session = TRY(Session::Open(context.globals, Access::kOwn));
  const auto response =
      TRY(session->Send({.verb = net::Verb::kPost,
                         .target = "/endpoints/" + PercentEncode(endpoint) + "/invocations",
                         .body = body,
                         .headers = {{"Content-Type", csv ? "text/csv" : "application/json"}}}));
  const Json answer = TRY(BodyOf(response));
  if (context.globals.json) {
    context.out.PrintJson(answer);
    return 0;
  }
  for (const Json& prediction : TRY(answer.GetArray("predictions"))) {
    context.out.Line(prediction.IsString() ? prediction.AsString() : prediction.Dump());
  }
  return 0;
}

}  // namespace

std::vector<Command> EndpointCommands() {
  const std::string section(kSection);
  return {
      {.name = "deploy",
       .usage = "URI",
       .summary = "serve a model; returns once it answers",
       .section = section,
       .options = {{"--as", "ENDPOINT", "the endpoint; made if it is not there"}},
       .details = "URI is models:/NAME/N, models:/NAME@ALIAS (the endpoint follows the alias), or "
                  "an ONNX file.\nAn endpoint belongs to one registered model or to files.\n",
       .examples = "  tatara deploy models:/delay@champion --as delay\n"
                   "  tatara deploy model.onnx --as delay\n",
       .positional_min = 1,
       .positional_max = 1,
       .run = Deploy},
      {.name = "endpoints",
       .summary = "what is served: state, versions, what it follows",
       .section = section,
       .examples = "  tatara endpoints\n",
       .run = ListEndpoints},
      {.name = "invoke",
       .usage = "ENDPOINT FILE",
       .summary = "predict for the rows in a file (JSON form or CSV with a header)",
       .section = section,
       .examples = "  tatara invoke delay rows.csv\n"
                   "  echo '{\"dataframe_split\": {...}}' | tatara invoke delay -\n",
       .positional_min = 2,
       .positional_max = 2,
       .run = Invoke},
  };
}

}  // namespace tatara::cli
