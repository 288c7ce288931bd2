// How a command reaches the platform: a running server, an App of its own as the home's owner, or
// a home opened for reading, always through the same HTTP routes.
//
//   --server / TATARA_URL     a client only; kUnavailable when that server is away
//   else the home's lock      held: a client of its holder
//   else Access::kRead        the home is opened read-only and its routes are called in the process
//   else Access::kOwn         this process becomes the owner and serves the API too
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "base/json.h"
#include "cli/command.h"
#include "net/http.h"

namespace tatara::app {
class App;
}

namespace tatara::cli {

enum class Access { kRead, kOwn };

class Session {
 public:
  static Result<std::unique_ptr<Session>> Open(const Globals& globals, Access access);
  virtual ~Session() = default;

  struct Call {
    net::Verb verb = net::Verb::kGet;
    std::string target;  // "/api/v1/jobs?limit=3"
    std::string body;
    std::vector<net::Header> headers;
    std::chrono::milliseconds timeout{60'000};      // 0: none
    std::function<bool(std::string_view)> on_body;  // streams a 2xx body
    net::ByteSource* upload = nullptr;
    int64_t upload_length = -1;
  };
  virtual Result<net::Response> Send(const Call& call) = 0;
  // The server's address, or empty when the home was opened for reading only.
  virtual std::string url() const = 0;
  // The App when this process owns the home, or null.
  virtual app::App* owned() { return nullptr; }

  // Sends JSON and wants a 2xx with JSON; an error of the server becomes an Error of its code.
  Result<Json> Get(const std::string& target);
  Result<Json> Post(const std::string& target, const Json& body,
                    std::chrono::milliseconds timeout = std::chrono::milliseconds(60'000));
  Result<Json> Delete(const std::string& target);
};

// The error that a non-2xx answer stands for.
Error ErrorOf(const net::Response& response);

// The home that the globals name, else the nearest.
std::string HomeOf(const Globals& globals);

}  // namespace tatara::cli
