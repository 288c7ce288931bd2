#include "net/client.h"

#include <curl/curl.h>

#include <array>
#include <mutex>
#include <optional>

#include "base/strings.h"

namespace tatara::net {
namespace {

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

Error CallError(CURLcode code, const ClientRequest& request, std::string_view detail) {
  const std::string text = detail.empty() ? curl_easy_strerror(code) : std::string(detail);
  const bool bad_url = code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL;
  return {bad_url ? Code::kInvalid : Code::kUnavailable, request.url + ": " + text};
}

bool HasLineEnd(std::string_view text) {
  return text.find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos;
}

struct SlistFree {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using HeaderList = std::unique_ptr<curl_slist, SlistFree>;

void Add(HeaderList& list, const std::string& line) {
  list.reset(curl_slist_append(list.release(), line.c_str()));
}

}  // namespace

struct HttpClient::Impl {
  Impl() {
    static std::once_flag once;
    std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
    handle.reset(curl_easy_init());
    CHECK(handle);
  }

  template <class Value>
  void Set(CURLoption option, Value value) {
    CHECK(curl_easy_setopt(handle.get(), option, value) == CURLE_OK);
  }
  void SetConnection(const ClientRequest& request);
  void SetBody(const ClientRequest& request, Transfer& transfer);
  Result<HeaderList> Headers(const ClientRequest& request);

  struct HandleFree {
    void operator()(CURL* curl) const { curl_easy_cleanup(curl); }
  };
  std::unique_ptr<CURL, HandleFree> handle;
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
  HeaderList list;
  bool typed = false;
  for (const auto& [name, value] : request.headers) {
    if (HasLineEnd(name) || HasLineEnd(value)) {
      return Invalid("header '" + name.substr(0, 64) + "' holds a line end");
    }
    typed = typed || EqualsIgnoreCase(name, "content-type");
    // "Name;" is curl's way to send an empty header.
    Add(list, value.empty() ? name + ";" : name + ": " + value);
  }
  if (!typed) Add(list, "Content-Type:");     // none instead of curl's form type
  if (!request.upload) Add(list, "Expect:");  // a body in memory is sent at once
  if (request.upload && request.upload_length < 0) Add(list, "Transfer-Encoding: chunked");
  return list;
}

HttpClient::HttpClient() : impl_(std::make_unique<Impl>()) {}
HttpClient::~HttpClient() = default;

Result<Response> HttpClient::Call(const ClientRequest& request) {
  CURL* curl = impl_->handle.get();
  curl_easy_reset(curl);  // options only: the connections stay open
  const HeaderList headers = TRY(impl_->Headers(request));
  Transfer transfer{request, {}, {}};
  transfer.response.status = 0;
  impl_->SetConnection(request);
  impl_->SetBody(request, transfer);
  impl_->Set(CURLOPT_HTTPHEADER, headers.get());
  const CURLcode code = curl_easy_perform(curl);
  if (transfer.error) return std::unexpected(*std::move(transfer.error));
  if (code != CURLE_OK) {
    return std::unexpected(CallError(code, request, impl_->detail.data()));
  }
  return std::move(transfer.response);
}

}  // namespace tatara::net
