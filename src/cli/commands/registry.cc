// runs, runs show, models, artifacts ls|get|put.
#include <cstdio>

#include "artifacts/artifacts.h"
#include "base/strings.h"
#include "cli/commands/commands.h"
#include "cli/model_file.h"
#include "cli/session.h"
#include "os/files.h"

namespace tatara::cli {
namespace {

constexpr std::string_view kSection = "Experiments and models";

std::string Text(const Json& object, std::string_view name) {
  const Json* value = object.Find(name);
  if (value == nullptr || value->IsNull()) return "";
  return value->IsString() ? value->AsString() : value->Dump();
}

// The first few metrics: "mae 7.74, rmse 9.63".
std::string MetricsText(const Json& run) {
  std::string out;
  size_t count = 0;
  for (const auto& [name, value] : run.Find("metrics")->AsObject()) {
    if (++count > 3) return out + ", ...";
    char number[40];
    std::snprintf(number, sizeof number, "%.4g", value.IsNumber() ? value.AsDouble() : 0.0);
    out += (out.empty() ? "" : ", ") + name + " " + number;
  }
  return out;
}

Result<int> ListRuns(Context& context) {
  auto session = TRY(Session::Open(context.globals, Access::kRead));
  const auto limit = TRY(context.arguments.Int("--limit"));
  std::string target =
      "/api/v1/runs?limit=" + std::to_string(limit.value_or(context.globals.json ? 0 : 50));
  if (auto name = context.arguments.Get("--experiment")) {
    target += "&experiment=" + PercentEncode(*name);
  }
  if (auto filter = context.arguments.Get("--filter"))
    target += "&filter=" + PercentEncode(*filter);
  const Json answer = TRY(session->Get(target));
  if (context.globals.json) {
    context.out.PrintJson(answer);
    return 0;
  }
  std::vector<std::vector<std::string>> rows;
  for (const Json& run : TRY(answer.GetArray("runs"))) {
    rows.push_back({Text(run, "run_id"), Text(run, "experiment"), Text(run, "name"),
                    context.out.State(Text(run, "status")), Text(run, "start"), MetricsText(run)});
  }
  context.out.Table({"run", "experiment", "name", "status", "start", "metrics"}, rows,
                    "no runs yet; point MLFLOW_TRACKING_URI here, or `tatara run`");
  return 0;
}

Result<int> ShowRun(Context& context) {
  auto session = TRY(Session::Open(context.globals, Access::kRead));
  std::string id = context.arguments.positional[0];
  if (id.starts_with("runs:/")) id = id.substr(6);
  const Json run = TRY(session->Get("/api/v1/runs/" + PercentEncode(id)));
  if (context.globals.json) {
    context.out.PrintJson(run);
    return 0;
  }
  context.out.Line("run         " + Text(run, "run_id") + "  " + Text(run, "name"));
  context.out.Line("experiment  " + Text(run, "experiment"));
  context.out.Line("status      " + context.out.State(Text(run, "status")));
  context.out.Line("time        " + Text(run, "start") + " - " + Text(run, "end"));
  for (const char* part : {"params", "metrics", "tags"}) {
    std::vector<std::vector<std::string>> rows;
    for (const auto& [name, value] : run.Find(part)->AsObject()) {
      rows.push_back({name, value.IsString() ? value.AsString() : value.Dump()});
    }
    if (rows.empty()) continue;
    context.out.Line("");
    context.out.Table({part, "value"}, rows, "");
  }
  return 0;
}

Result<int> ListModels(Context& context) {
  auto session = TRY(Session::Open(context.globals, Access::kRead));
  const Json answer = TRY(session->Get("/api/v1/models"));
  if (context.globals.json) {
    context.out.PrintJson(answer);
    return 0;
  }
  std::vector<std::vector<std::string>> rows;
  for (const Json& model : TRY(answer.GetArray("models"))) {
    std::vector<std::string> aliases;
    for (const std::string& alias : TRY(model.GetStrings("aliases")))
      aliases.push_back("@" + alias);
    rows.push_back({Text(model, "name"), Text(model, "version"), Join(aliases, " "),
                    Text(model, "created"), Text(model, "run_id")});
  }
  context.out.Table({"model", "version", "aliases", "created", "run"}, rows,
                    "no models yet; mlflow.register_model or a pipeline's register: makes one");
  return 0;
}

// "runs:/ID/path" or "models:/NAME/N[/...]" as a path of the artifact store; a run's own folder for
// "runs:/ID".
Result<std::string> StorePath(Session& session, const std::string& uri) {
  if (!IsUri(uri)) return uri;
  if (uri.starts_with("runs:/")) {
    const std::string rest = uri.substr(6);
    const size_t slash = rest.find('/');
    const Json run = TRY(session.Get("/api/v1/runs/" + PercentEncode(rest.substr(0, slash))));
    const std::string path = TRY(artifacts::PathOfUri(TRY(run.GetString("artifact_uri"))));
    return slash == std::string::npos ? path : path + rest.substr(slash);
  }
  const Json resolved = TRY(session.Get("/api/v1/resolve?uri=" + PercentEncode(uri)));
  return resolved.GetString("artifact_path");
}

Result<Json::Array> FilesIn(Session& session, const std::string& path) {
  const Json answer =
      TRY(session.Get("/api/2.0/mlflow-artifacts/artifacts?path=" + PercentEncode(path)));
  const Json* files = answer.Find("files");
  return files != nullptr && files->IsArray() ? files->AsArray() : Json::Array();
}

// The list of a path without files in it: the file that it is, nothing for an empty folder.
Result<Json::Array> FileItself(Session& session, const std::string& path, const std::string& name) {
  for (const Json& file :
       TRY(FilesIn(session, os::ParentOf(path) == "." ? "" : os::ParentOf(path)))) {
    if (os::NameOf(Text(file, "path")) != os::NameOf(path)) continue;
    const Json* folder = file.Find("is_dir");
    return folder != nullptr && folder->AsBool() ? Json::Array() : Json::Array{file};
  }
  return NotFound("there is no artifact '" + name + "'");
}

Result<int> ListArtifacts(Context& context) {
  auto session = TRY(Session::Open(context.globals, Access::kRead));
  const std::string name =
      context.arguments.positional.empty() ? "" : context.arguments.positional[0];
  const std::string path = name.empty() ? "" : TRY(StorePath(*session, name));
  Json::Array files = TRY(FilesIn(*session, path));
  // A run has a folder of its own, whether or not something was put into it.
  const bool whole_run = name.starts_with("runs:/") && name.find('/', 6) == std::string::npos;
  if (files.empty() && !path.empty() && !whole_run) {
    files = TRY(FileItself(*session, path, name));
  }
  if (context.globals.json) {
    context.out.PrintJson(Json::Of({{"files", std::move(files)}}));
    return 0;
  }
  std::vector<std::vector<std::string>> rows;
  for (const Json& file : files) {
    const bool folder = file.Find("is_dir") != nullptr && file.Find("is_dir")->AsBool();
    rows.push_back({Text(file, "path") + (folder ? "/" : ""), Text(file, "file_size")});
  }
  context.out.Table({"name", "bytes"}, rows, "nothing there");
  return 0;
}

Result<int> GetArtifact(Context& context) {
  auto session = TRY(Session::Open(context.globals, Access::kRead));
  const std::string path = TRY(StorePath(*session, context.arguments.positional[0]));
  const std::string target =
      context.arguments.positional.size() > 1 ? context.arguments.positional[1] : os::NameOf(path);
  TRY(Download(*session, "/api/2.0/mlflow-artifacts/artifacts/" + PercentEncode(path, true),
               target));
  context.out.Note("wrote " + target);
  return 0;
}

class FileSource : public net::ByteSource {
 public:
  explicit FileSource(os::File file) : file_(std::move(file)) {}
  Result<size_t> Read(std::span<char> buffer) override { return file_.Read(buffer); }

 private:
  os::File file_;
};

Result<int> PutArtifact(Context& context) {
  os::File file = TRY(os::File::OpenRead(context.arguments.positional[0]));
  const int64_t size = TRY(file.Size());
  auto session = TRY(Session::Open(context.globals, Access::kOwn));
  std::string path = TRY(StorePath(*session, context.arguments.positional[1]));
  if (path.ends_with('/')) path += os::NameOf(context.arguments.positional[0]);
  FileSource source(std::move(file));
  const auto answer = TRY(
      session->Send({.verb = net::Verb::kPut,
                     .target = "/api/2.0/mlflow-artifacts/artifacts/" + PercentEncode(path, true),
                     .timeout = std::chrono::milliseconds(0),
                     .upload = &source,
                     .upload_length = size}));
  if (answer.status >= 300) return std::unexpected(ErrorOf(answer));
  context.out.Note("stored " + path);
  return 0;
}

}  // namespace

std::vector<Command> RegistryCommands() {
  const std::string section(kSection);
  return {
      {.name = "runs show",
       .usage = "ID",
       .summary = "one run: params, metrics, tags",
       .section = section,
       .examples = "  tatara runs show 0199...\n",
       .positional_min = 1,
       .positional_max = 1,
       .run = ShowRun},
      {.name = "runs",
       .summary = "experiments' runs, newest first",
       .section = section,
       .options = {{"--limit", "N", "at most so many"},
                   {"--experiment", "NAME", "only of this one"},
                   {"--filter", "F", "in MLflow's language: \"metrics.mae < 8\""}},
       .examples = "  tatara runs --filter \"metrics.eval_mae < 8\"\n",
       .run = ListRuns},
      {.name = "models",
       .summary = "registered models' versions and aliases",
       .section = section,
       .examples = "  tatara models --json\n",
       .run = ListModels},
      {.name = "artifacts ls",
       .usage = "[URI]",
       .summary = "files of a run or model",
       .section = section,
       .examples = "  tatara artifacts ls runs:/0199...\n",
       .positional_max = 1,
       .run = ListArtifacts},
      {.name = "artifacts get",
       .usage = "URI [FILE]",
       .summary = "fetch a file of a run or model",
       .section = section,
       .examples = "  tatara artifacts get runs:/0199.../training.parquet\n",
       .positional_min = 1,
       .positional_max = 2,
       .run = GetArtifact},
      {.name = "artifacts put",
       .usage = "FILE URI",
       .summary = "store a file with a run",
       .section = section,
       .examples = "  tatara artifacts put report.html runs:/0199.../\n",
       .positional_min = 2,
       .positional_max = 2,
       .run = PutArtifact},
  };
}

}  // namespace tatara::cli
