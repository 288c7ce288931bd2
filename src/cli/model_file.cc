#include "cli/model_file.h"

#include "base/strings.h"
#include "os/os.h"

namespace tatara::cli {

bool IsUri(const std::string& text) {
  return text.starts_with("models:/") || text.starts_with("runs:/");
}

Status Download(Session& session, const std::string& address, const std::string& target) {
  const std::string temporary = target + ".part";
  os::File file = TRY(os::File::Create(temporary));
  Status written;
  auto answer = session.Send({.target = address,
                              .timeout = std::chrono::milliseconds(0),
                              .on_body = [&](std::string_view bytes) {
                                written = file.Write(bytes);
                                return written.has_value();
                              }});
  file.Close();
  Status done = [&]() -> Status {
    TRY(std::move(written));
    const net::Response response = TRY(std::move(answer));
    if (response.status >= 300) return std::unexpected(ErrorOf(response));
    return os::Rename(temporary, target);
  }();
  if (!done) (void)os::RemoveFile(temporary);
  return done;
}

Result<ModelFile> ModelFile::Open(const Globals& globals, const std::string& uri) {
  ModelFile out;
  out.source_.name = uri;
  if (!IsUri(uri)) {
    if (!os::Exists(uri)) return NotFound("no model file '" + uri + "'");
    out.source_.path = uri;
    return out;
  }
  auto session = TRY(Session::Open(globals, Access::kRead));
  const Json resolved = TRY(session->Get("/api/v1/resolve?model=true&uri=" + PercentEncode(uri)));
  out.source_.features = TRY(resolved.GetStrings("features"));
  out.source_.path = TRY(resolved.GetStringOr("local", ""));
  if (!out.source_.path.empty() && os::Exists(out.source_.path)) return out;
  out.temporary_ = "/tmp/tatara-model-" + std::to_string(os::RandomU64());
  TRY(os::MakeFolders(out.temporary_, 0700));
  out.source_.path = out.temporary_ + "/model.onnx";
  TRY(Download(
      *session,
      "/api/2.0/mlflow-artifacts/artifacts/" + PercentEncode(TRY(resolved.GetString("file")), true),
      out.source_.path));
  return out;
}

ModelFile::~ModelFile() {
  if (!temporary_.empty()) (void)os::RemoveTree(temporary_);
}

}  // namespace tatara::cli
