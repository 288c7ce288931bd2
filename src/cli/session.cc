#include "cli/session.h"

#include "app/app.h"
#include "app/home.h"
#include "base/strings.h"
#include "net/client.h"
#include "os/files.h"
#include "os/threads.h"

namespace tatara::cli {
namespace {

class HttpSession : public Session {
 public:
  HttpSession(std::string url, std::unique_ptr<app::App> owned)
      : url_(std::move(url)), owned_(std::move(owned)) {
    while (url_.ends_with('/')) url_.pop_back();
  }
  ~HttpSession() override {
    if (owned_) owned_->Stop();
  }

  Result<net::Response> Send(const Call& call) override {
    net::ClientRequest request;
    request.verb = call.verb;
    request.url = url_ + call.target;
    request.headers = call.headers;
    request.body = call.body;
    request.timeout = call.timeout;
    request.on_body = call.on_body;
    request.upload = call.upload;
    request.upload_length = call.upload_length;
    auto response = client_.Call(request);
    if (!response && response.error().code == Code::kUnavailable) {
      return Unavailable("the server at " + url_ + " does not answer: " + response.error().message);
    }
    return response;
  }
  std::string url() const override { return url_; }
  app::App* owned() override { return owned_.get(); }

 private:
  std::string url_;
  std::unique_ptr<app::App> owned_;
  net::HttpClient client_;
};

class ReadOnlySession : public Session {
 public:
  explicit ReadOnlySession(std::unique_ptr<app::App> app) : app_(std::move(app)) {}

  Result<net::Response> Send(const Call& call) override {
    net::Request request;
    request.verb = call.verb;
    const size_t question = call.target.find('?');
    if (!PercentDecode(call.target.substr(0, question), false, request.path)) {
      return Invalid("bad path " + call.target);
    }
    if (question != std::string::npos) request.query = call.target.substr(question + 1);
    request.headers = call.headers;
    request.body = call.body;
    net::Response response = app_->Dispatch(std::move(request));
    if (response.stream == nullptr) {
      if (call.on_body && response.status < 300) call.on_body(response.body);
      return response;
    }
    TRY(Drain(*response.stream, call, response.body));
    response.stream.reset();
    return response;
  }
  std::string url() const override { return ""; }

 private:
  static Status Drain(net::ByteSource& stream, const Call& call, std::string& body) {
    std::string buffer(1 << 16, '\0');
    for (;;) {
      const size_t got = TRY(stream.Read(buffer));
      if (got == 0) return {};
      if (!call.on_body)
        body.append(buffer, 0, got);
      else if (!call.on_body({buffer.data(), got}))
        return Cancelled("stopped");
    }
  }

  std::unique_ptr<app::App> app_;
};

// The address of whoever owns the home. An owner that is just starting gets a moment to say it.
Result<std::string> AddressOfOwner(const std::string& home) {
  for (int i = 0; i < 100; ++i) {
    const auto record = app::RunningServer(home);
    if (!record) return std::string();
    if (!record->url.empty()) return record->url;
    os::SleepFor(std::chrono::milliseconds(50));
  }
  return Unavailable("another process owns " + home + " but does not serve yet; try again");
}

// Any server may stand behind a URL that a person typed.
Status CheckIsOurs(Session& session) {
  const net::Response answer = TRY(session.Send({.target = "/api/v1/status"}));
  const auto status = ParseJson(answer.body);
  if (answer.status == 200 && status && status->Find("home") != nullptr) return {};
  if (answer.status == 401 || answer.status == 403) return std::unexpected(ErrorOf(answer));
  return Invalid(session.url() + " answers, but not as a Tatara server");
}

Result<Json> JsonOf(Result<net::Response> response) {
  const net::Response answer = TRY(std::move(response));
  if (answer.status < 200 || answer.status >= 300) return std::unexpected(ErrorOf(answer));
  if (answer.body.empty()) return Json::MakeObject();
  return ParseJson(answer.body, {.depth_max = 1000});
}

}  // namespace

std::string HomeOf(const Globals& globals) {
  return globals.home.empty() ? app::FindHome(".") : os::AbsolutePath(globals.home);
}

Error ErrorOf(const net::Response& response) {
  static constexpr std::pair<std::string_view, Code> kCodes[] = {
      {"invalid", Code::kInvalid},     {"not_found", Code::kNotFound},
      {"conflict", Code::kConflict},   {"denied", Code::kDenied},
      {"exhausted", Code::kExhausted}, {"unavailable", Code::kUnavailable},
      {"cancelled", Code::kCancelled}, {"unsupported", Code::kUnsupported},
      {"internal", Code::kInternal},
  };
  Error error{Code::kInternal, "the server answered " + std::to_string(response.status)};
  for (int i = 0; i <= static_cast<int>(Code::kInternal); ++i) {
    if (net::HttpStatus(static_cast<Code>(i)) == response.status) error.code = static_cast<Code>(i);
  }
  auto body = ParseJson(response.body);
  if (!body) return error;
  error.message = body->GetStringOr("error", error.message).value_or(error.message);
  const std::string name = body->GetStringOr("code", "").value_or("");
  for (const auto& [text, code] : kCodes) {
    if (text == name) error.code = code;
  }
  return error;
}

Result<std::unique_ptr<Session>> Session::Open(const Globals& globals, Access access) {
  if (!globals.server.empty()) {
    auto session = std::make_unique<HttpSession>(globals.server, nullptr);
    TRY(CheckIsOurs(*session));
    return session;
  }
  const std::string home = HomeOf(globals);
  if (const std::string url = TRY(AddressOfOwner(home)); !url.empty()) {
    return std::make_unique<HttpSession>(url, nullptr);
  }
  app::AppOptions options;
  options.home = home;
  if (access == Access::kRead) {
    if (!os::Exists(os::JoinPath(home, "tatara.db"))) {
      return NotFound("no Tatara home at " + home + "; `tatara up` makes one");
    }
    options.mode = app::Mode::kReadOnly;
    return std::make_unique<ReadOnlySession>(TRY(app::App::Open(std::move(options))));
  }
  options.mode = app::Mode::kOwner;
  options.command = "a command";
  auto app = TRY(app::App::Open(std::move(options)));
  TRY(app->Start());
  const std::string url = app->url();
  return std::make_unique<HttpSession>(url, std::move(app));
}

Result<Json> Session::Get(const std::string& target) { return JsonOf(Send({.target = target})); }

Result<Json> Session::Post(const std::string& target, const Json& body,
                           std::chrono::milliseconds timeout) {
  return JsonOf(Send({.verb = net::Verb::kPost,
                      .target = target,
                      .body = body.Dump(),
                      .headers = {{"Content-Type", "application/json"}},
                      .timeout = timeout}));
}

Result<Json> Session::Delete(const std::string& target) {
  return JsonOf(Send({.verb = net::Verb::kDelete, .target = target}));
}

}  // namespace tatara::cli
