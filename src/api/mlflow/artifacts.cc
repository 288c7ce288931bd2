// The artifact proxy: files stream through, both ways, with constant memory.
#include <algorithm>
#include <array>

#include "api/mlflow/endpoints.h"
#include "api/mlflow/transact.h"
#include "base/strings.h"

namespace tatara::api {
namespace {

constexpr size_t kPieceBytes = 256 << 10;
constexpr std::string_view kProxy = "/api/2.0/mlflow-artifacts/artifacts";

std::string_view ContentType(std::string_view path) {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 12> kTypes = {{
      {".txt", "text/plain"},
      {".log", "text/plain"},
      {".yaml", "text/plain"},
      {".yml", "text/plain"},
      {".csv", "text/csv"},
      {".json", "application/json"},
      {".html", "text/html"},
      {".png", "image/png"},
      {".jpg", "image/jpeg"},
      {".svg", "image/svg+xml"},
      {".pdf", "application/pdf"},
      {".md", "text/markdown"},
  }};
  for (const auto& [suffix, type] : kTypes) {
    if (path.ends_with(suffix)) return type;
  }
  return "application/octet-stream";
}

class StoreSource : public net::ByteSource {
 public:
  StoreSource(std::unique_ptr<artifacts::Reader> reader, int64_t length)
      : reader_(std::move(reader)), left_(length) {}
  Result<size_t> Read(std::span<char> buffer) override {
    const auto wanted = std::min<int64_t>(left_, static_cast<int64_t>(buffer.size()));
    if (wanted == 0) return 0;
    const size_t got = TRY(reader_->Read(buffer.first(static_cast<size_t>(wanted))));
    if (got == 0) return Internal("an artifact became shorter while it was read");
    left_ -= static_cast<int64_t>(got);
    return got;
  }

 private:
  std::unique_ptr<artifacts::Reader> reader_;
  int64_t left_;
};

struct Range {
  int64_t begin = 0;
  int64_t end = 0;  // behind the last byte
  bool partial = false;
  bool unsatisfiable = false;
};

// One range of bytes; several, or another unit, are answered by the whole file (RFC 9110, 14.2).
Range ParseRange(std::string_view header, int64_t size) {
  const Range whole{0, size};
  if (!header.starts_with("bytes=") || header.find(',') != header.npos) return whole;
  const std::string_view range = header.substr(6);
  const size_t dash = range.find('-');
  if (dash == std::string_view::npos) return whole;
  int64_t first = 0;
  int64_t last = size - 1;
  const std::string_view from = range.substr(0, dash);
  const std::string_view to = range.substr(dash + 1);
  if (from.empty()) {  // the last N bytes
    int64_t count = 0;
    if (!ParseInt(to, count) || count < 0) return whole;
    first = std::max<int64_t>(0, size - count);
    if (count == 0) return {.unsatisfiable = true};
  } else {
    if (!ParseInt(from, first) || first < 0) return whole;
    if (!to.empty() && (!ParseInt(to, last) || last < first)) return whole;
  }
  if (first >= size) return {.unsatisfiable = true};
  return {first, std::min(last, size - 1) + 1, true};
}

Result<net::Response> SendFile(const MlflowContext& context, const net::Request& request,
                               const std::string& path) {
  auto reader = TRY(context.artifacts.Get(path));
  const int64_t size = reader->size();
  const Range range = ParseRange(request.HeaderOr("range"), size);
  net::Response response;
  response.headers = {{"Content-Type", std::string(ContentType(path))},
                      {"Content-Disposition", "attachment; filename*=UTF-8''" +
                                                  PercentEncode(path.substr(path.rfind('/') + 1))},
                      {"X-Content-Type-Options", "nosniff"},
                      {"Accept-Ranges", "bytes"}};
  if (range.unsatisfiable) {
    response.status = 416;
    response.headers.emplace_back("Content-Range", "bytes */" + std::to_string(size));
    return response;
  }
  if (range.partial) {
    response.status = 206;
    response.headers.emplace_back("Content-Range", "bytes " + std::to_string(range.begin) + "-" +
                                                       std::to_string(range.end - 1) + "/" +
                                                       std::to_string(size));
    TRY(reader->Seek(range.begin));
  }
  response.stream_length = range.end - range.begin;
  response.stream = std::make_unique<StoreSource>(std::move(reader), response.stream_length);
  return response;
}

Result<net::Response> Upload(const MlflowContext& context, net::Request& request) {
  auto writer = TRY(context.artifacts.Put(request.Path("path")));
  if (request.stream == nullptr) {
    TRY(writer->Write(request.body));
  } else {
    std::string buffer(kPieceBytes, '\0');
    while (const size_t got = TRY(request.stream->Read(buffer))) {
      TRY(writer->Write(std::string_view(buffer).substr(0, got)));
    }
  }
  TRY(writer->Commit());
  return net::Response::Json(200, kEmptyObject);
}

void WriteFiles(JsonWriter& out, const std::vector<artifacts::Entry>& entries,
                const std::string& prefix) {
  if (entries.empty()) return;
  out.Key("files").BeginArray();
  for (const auto& entry : entries) {
    out.BeginObject().Key("path").String(prefix + entry.name).Key("is_dir").Bool(entry.folder);
    if (!entry.folder) out.Key("file_size").Int(entry.size);
    out.EndObject();
  }
  out.EndArray();
}

Result<net::Response> ListFolder(const MlflowContext& context, const net::Request& request) {
  const auto entries = TRY(context.artifacts.List(request.QueryOr("path")));
  std::string text;
  JsonWriter out(text);
  out.BeginObject();
  WriteFiles(out, entries, "");
  out.EndObject();
  return net::Response::Json(200, std::move(text));
}

// The files below an artifact root, with paths from that root.
Result<std::string> ListRoot(const MlflowContext& context, const std::string& root_uri,
                             const std::string& path) {
  const std::string root = TRY(artifacts::PathOfUri(root_uri));
  const std::string below = TRY(artifacts::CleanPath(path, true));
  const auto entries = TRY(context.artifacts.List(below.empty() ? root : root + "/" + below));
  std::string text;
  JsonWriter out(text);
  out.BeginObject().Key("root_uri").String(root_uri);
  WriteFiles(out, entries, below.empty() ? "" : below + "/");
  out.EndObject();
  return text;
}

Result<std::string> ListRunArtifacts(const MlflowContext& context, const Args& args) {
  const std::string id = TRY(args.RunId());
  const std::string path = TRY(args.TextOr("path"));
  const auto run = TRY(context.database.Read(
      [&](db::Reader& reader) { return tracking::GetRun(reader, RunId(id)); }));
  return ListRoot(context, run.info.artifact_uri, path);
}

Result<std::string> ListModelArtifacts(const MlflowContext& context, const Args& args) {
  const std::string id = TRY(args.Text("model_id"));
  const std::string path = TRY(args.TextOr("artifact_directory_path"));
  const auto model = TRY(context.database.Read(
      [&](db::Reader& reader) { return tracking::GetLoggedModel(reader, id); }));
  return ListRoot(context, model.artifact_location, path);
}

// A file of a run: /get-artifact?run_id=..&path=.., which the web console of MLflow reads.
Result<net::Response> GetRunArtifact(const MlflowContext& context, const net::Request& request) {
  const Args args = TRY(Args::Parse(request));
  const std::string id = TRY(args.RunId());
  const std::string asked = TRY(args.Text("path"));
  const std::string path = TRY(artifacts::CleanPath(asked));
  const auto run = TRY(context.database.Read(
      [&](db::Reader& reader) { return tracking::GetRun(reader, RunId(id)); }));
  return SendFile(context, request, TRY(artifacts::PathOfUri(run.info.artifact_uri)) + "/" + path);
}

template <class Fn>
net::Handler Guarded(Fn fn) {
  return [fn](net::Request& request) -> net::Response {
    auto response = fn(request);
    if (!response) return ErrorResponse(response.error());
    return *std::move(response);
  };
}

}  // namespace

std::span<const Endpoint> ArtifactListEndpoints() {
  static constexpr Endpoint kEndpoints[] = {
      {net::Verb::kGet, "/artifacts/list", net::Role::kViewer, ListRunArtifacts,
       "The files of a run"},
      {net::Verb::kGet, "/logged-models/{model_id}/artifacts/directories", net::Role::kViewer,
       ListModelArtifacts, "The files of a logged model"},
  };
  return kEndpoints;
}

std::vector<net::Route> ArtifactRoutes(const MlflowContext& context) {
  using enum net::Verb;
  const std::string file = std::string(kProxy) + "/{path...}";
  std::vector<net::Route> routes;
  const auto add = [&](net::Verb verb, const std::string& pattern, net::RouteKind kind,
                       net::Handler handler, const char* help) {
    const bool reads = verb == kGet;
    routes.push_back({.verb = verb,
                      .pattern = pattern,
                      .role = reads ? net::Role::kViewer : net::Role::kEditor,
                      .kind = kind,
                      .handler = std::move(handler),
                      .help = help});
  };
  add(kPut, file, net::RouteKind::kStreamed,
      Guarded([context](net::Request& request) { return Upload(context, request); }),
      "Upload a file");
  add(kGet, file, net::RouteKind::kBuffered, Guarded([context](net::Request& request) {
        return SendFile(context, request, request.Path("path"));
      }),
      "Download a file, or a range of it");
  add(kDelete, file, net::RouteKind::kBuffered,
      Guarded([context](net::Request& request) -> Result<net::Response> {
        TRY(context.artifacts.Delete(request.Path("path")));
        return net::Response::Json(200, kEmptyObject);
      }),
      "Delete a file or folder");
  add(kGet, std::string(kProxy), net::RouteKind::kBuffered,
      Guarded([context](net::Request& request) { return ListFolder(context, request); }),
      "List a folder");
  add(kGet, "/get-artifact", net::RouteKind::kBuffered,
      Guarded([context](net::Request& request) { return GetRunArtifact(context, request); }),
      "A file of a run");
  return routes;
}

}  // namespace tatara::api
