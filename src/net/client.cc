#include "net/client.h"

#include <curl/curl.h>

#include <array>
#include <optional>

#include "base/strings.h"
#include "os/library.h"

namespace tatara::net {
namespace {

// libcurl brings some thirty libraries, which cost each command more to load than all the rest
// of tatara: so it is loaded by the first call.
struct Curl {
  decltype(&curl_global_init) global_init = nullptr;
  decltype(&curl_easy_init) easy_init = nullptr;
  decltype(&curl_easy_cleanup) easy_cleanup = nullptr;
  decltype(&curl_easy_reset) easy_reset = nullptr;
  decltype(&curl_easy_setopt) easy_setopt = nullptr;
  decltype(&curl_easy_perform) easy_perform = nullptr;
  decltype(&curl_easy_strerror) easy_strerror = nullptr;
  decltype(&curl_slist_append) slist_append = nullptr;
  decltype(&curl_slist_free_all) slist_free_all = nullptr;
};

Result<Curl> LoadCurl() {
  const auto library = os::Library::Open("libcurl.so.4");
  if (!library) {
    return Unavailable("no HTTP call can be made: " + library.error().message +
                       "; install libcurl (Debian: libcurl4)");
  }
  Curl curl;
  bool complete = true;
  const auto find = [&]<class Function>(Function*& function, const char* name) {
    function = library->Find<Function>(name);
    complete = complete && function != nullptr;
  };
  find(curl.global_init, "curl_global_init");
  find(curl.easy_init, "curl_easy_init");
  find(curl.easy_cleanup, "curl_easy_cleanup");
  find(curl.easy_reset, "curl_easy_reset");
  find(curl.easy_setopt, "curl_easy_setopt");
  find(curl.easy_perform, "curl_easy_perform");
  find(curl.easy_strerror, "curl_easy_strerror");
  find(curl.slist_append, "curl_slist_append");
  find(curl.slist_free_all, "curl_slist_free_all");
  if (!complete) return Unavailable("no HTTP call can be made: libcurl.so.4 is not libcurl's");
  curl.global_init(CURL_GLOBAL_DEFAULT);
  return curl;
}

Result<const Curl*> TheCurl() {
  static const Result<Curl> curl = LoadCurl();
  if (!curl) return std::unexpected(curl.error());
  return &*curl;
}

// One call under way: what curl's callbacks see.
struct Transfer {
  const ClientRequest& request;
  Response response;
  std::optional<Error> error;  // why a callback ended the transfer

  bool Succeeds() const { return response.status >= 200 && response.status < 300; }
};

size_t TakeHeader(char* data, size_t, size_t size, void* user) {
  auto& transfer = *static_cast<Transfer*>(user);
  const std::string_view line = Trim(std::string_view(data, size));
  if (line.starts_with("HTTP/")) {  // also after a 100 Continue: the last head counts
    transfer.response.headers.clear();
    int64_t status = 0;
    const size_t blank = line.find(' ');
    if (blank != std::string_view::npos && ParseInt(line.substr(blank + 1, 3), status)) {
      transfer.response.status = static_cast<int>(status);
    }
    return size;
  }
  const size_t colon = line.find(':');
  if (colon != std::string_view::npos) {
    transfer.response.headers.emplace_back(Lower(line.substr(0, colon)),
                                           std::string(Trim(line.substr(colon + 1))));
  }
  return size;
}

size_t TakeBody(char* data, size_t, size_t size, void* user) {
  auto& transfer = *static_cast<Transfer*>(user);
  const std::string_view piece(data, size);
  if (transfer.request.on_body && transfer.Succeeds()) {
    if (transfer.request.on_body(piece)) return size;
    transfer.error = Error{Code::kCancelled, "the transfer was ended by its receiver"};
    return 0;
  }
  std::string& body = transfer.response.body;
  if (static_cast<int64_t>(body.size() + size) > transfer.request.body_max) {
    transfer.error =
        Error{Code::kExhausted, "the answer of " + transfer.request.url + " is larger than " +
                                    std::to_string(transfer.request.body_max) + " bytes"};
    return 0;
  }
  body += piece;
  return size;
}

size_t GiveBody(char* buffer, size_t, size_t size, void* user) {
  auto& transfer = *static_cast<Transfer*>(user);
  auto count = transfer.request.upload->Read({buffer, size});
  if (count) return *count;
  transfer.error = std::move(count).error();
  return CURL_READFUNC_ABORT;
}

Error CallError(CURLcode code, const ClientRequest& request, std::string_view text) {
  const bool bad_url = code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL;
  return {bad_url ? Code::kInvalid : Code::kUnavailable, request.url + ": " + std::string(text)};
}

bool HasLineEnd(std::string_view text) {
  return text.find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos;
}

using HeaderList = std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)>;

}  // namespace

struct HttpClient::Impl {
  explicit Impl(const Curl& loaded) : curl(loaded), handle(curl.easy_init(), curl.easy_cleanup) {
    CHECK(handle);
  }

  template <class Value>
  void Set(CURLoption option, Value value) {
    CHECK(curl.easy_setopt(handle.get(), option, value) == CURLE_OK);
  }
  void SetConnection(const ClientRequest& request);
  void SetBody(const ClientRequest& request, Transfer& transfer);
  Result<HeaderList> Headers(const ClientRequest& request);

  const Curl& curl;
  std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> handle;
  std::array<char, CURL_ERROR_SIZE> detail{};
};

void HttpClient::Impl::SetConnection(const ClientRequest& request) {
  Set(CURLOPT_URL, request.url.c_str());
  Set(CURLOPT_PROTOCOLS_STR, "http,https");
  Set(CURLOPT_PATH_AS_IS, 1L);
  Set(CURLOPT_NOSIGNAL, 1L);
  Set(CURLOPT_FOLLOWLOCATION, 0L);
  Set(CURLOPT_TCP_NODELAY, 1L);
  Set(CURLOPT_TCP_KEEPALIVE, 1L);
  Set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(request.connect_timeout.count()));
  Set(CURLOPT_TIMEOUT_MS, static_cast<long>(request.timeout.count()));
  Set(CURLOPT_ERRORBUFFER, detail.data());
  detail[0] = '\0';
}

void HttpClient::Impl::SetBody(const ClientRequest& request, Transfer& transfer) {
  Set(CURLOPT_HEADERFUNCTION, TakeHeader);
  Set(CURLOPT_HEADERDATA, &transfer);
  Set(CURLOPT_WRITEFUNCTION, TakeBody);
  Set(CURLOPT_WRITEDATA, &transfer);
  const bool sends = request.upload || !request.body.empty() || request.verb == Verb::kPost ||
                     request.verb == Verb::kPut || request.verb == Verb::kPatch;
  if (request.upload) {
    Set(CURLOPT_UPLOAD, 1L);
    Set(CURLOPT_READFUNCTION, GiveBody);
    Set(CURLOPT_READDATA, &transfer);
    Set(CURLOPT_UPLOAD_BUFFERSIZE, 256L * 1024);
    Set(CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(request.upload_length));
  } else if (sends) {
    Set(CURLOPT_POST, 1L);
    Set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
    Set(CURLOPT_POSTFIELDS, request.body.data());
  }
  if (request.verb == Verb::kHead) {
    Set(CURLOPT_NOBODY, 1L);
  } else {
    Set(CURLOPT_CUSTOMREQUEST, VerbName(request.verb).data());
  }
}

Result<HeaderList> HttpClient::Impl::Headers(const ClientRequest& request) {
  HeaderList list(nullptr, curl.slist_free_all);
  const auto add = [&](const std::string& line) {
    list.reset(curl.slist_append(list.release(), line.c_str()));
  };
  bool typed = false;
  for (const auto& [name, value] : request.headers) {
    if (HasLineEnd(name) || HasLineEnd(value)) {
      return Invalid("header '" + name.substr(0, 64) + "' holds a line end");
    }
    typed = typed || EqualsIgnoreCase(name, "content-type");
    // "Name;" is curl's way to send an empty header.
    add(value.empty() ? name + ";" : name + ": " + value);
  }
  if (!typed) add("Content-Type:");     // none instead of curl's form type
  if (!request.upload) add("Expect:");  // a body in memory is sent at once
  if (request.upload && request.upload_length < 0) add("Transfer-Encoding: chunked");
  return list;
}

HttpClient::HttpClient() = default;
HttpClient::~HttpClient() = default;

Result<Response> HttpClient::Call(const ClientRequest& request) {
  if (!impl_) impl_ = std::make_unique<Impl>(*TRY(TheCurl()));
  const Curl& curl = impl_->curl;
  curl.easy_reset(impl_->handle.get());  // options only: the connections stay open
  const HeaderList headers = TRY(impl_->Headers(request));
  Transfer transfer{request, {}, {}};
  transfer.response.status = 0;
  impl_->SetConnection(request);
  impl_->SetBody(request, transfer);
  impl_->Set(CURLOPT_HTTPHEADER, headers.get());
  const CURLcode code = curl.easy_perform(impl_->handle.get());
  if (transfer.error) return std::unexpected(*std::move(transfer.error));
  if (code != CURLE_OK) {
    const char* detail = impl_->detail.data();
    return std::unexpected(
        CallError(code, request, *detail != '\0' ? detail : curl.easy_strerror(code)));
  }
  return std::move(transfer.response);
}

}  // namespace tatara::net
