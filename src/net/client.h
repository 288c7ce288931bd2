// The HTTP client for everything we call: our own server from the CLI, webhooks, later AWS
// (libcurl inside, loaded by the first call). http and https; certificates are checked.
//
// One HttpClient keeps its connections alive and is for one thread at a time. Blocking.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "net/http.h"

namespace tatara::net {

struct ClientRequest {
  Verb verb = Verb::kGet;
  std::string url;
  std::vector<Header> headers;
  std::string body;
  ByteSource* upload = nullptr;  // streamed body instead of `body`
  int64_t upload_length = -1;    // -1: chunked
  std::chrono::milliseconds connect_timeout{5'000};
  std::chrono::milliseconds timeout{60'000};  // 0: none (log following)
  int64_t body_max = 256LL << 20;             // of the answer when it is kept in memory
  // If set, gets the body of a 2xx answer piece by piece; false ends the transfer (kCancelled).
  std::function<bool(std::string_view)> on_body;
};

class HttpClient {
 public:
  HttpClient();
  ~HttpClient();
  // Any status is an answer; an error means that none came: kUnavailable (refused, reset, timed
  // out, name not found; no libcurl), kInvalid (bad URL), kExhausted (over body_max), kCancelled.
  Result<Response> Call(const ClientRequest& request);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;  // from the first call on
};

}  // namespace tatara::net
