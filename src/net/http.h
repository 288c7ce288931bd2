// HTTP as the rest of Tatara sees it: plain structs, no sockets, no Asio.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace tatara::net {

enum class Verb { kGet, kHead, kPost, kPut, kPatch, kDelete, kOptions };
std::string_view VerbName(Verb verb);  // "GET"

using Header = std::pair<std::string, std::string>;

// Bytes that come or go piece by piece, so that a body of any size needs constant memory.
class ByteSource {
 public:
  virtual ~ByteSource() = default;
  // Fills up to buffer.size() bytes and says how many; 0 is the end. May block: call it from a
  // work thread only. After an error or the end it is not called again.
  virtual Result<size_t> Read(std::span<char> buffer) = 0;
  // Whether Read may wait long for bytes that do not exist yet (the follower of a log). Such a
  // source of an answer is read on one of few threads kept for that (ServerOptions), and must have
  // a Cancel.
  virtual bool MayWait() const { return false; }
  // Called from another thread, perhaps more than once, when nobody wants the bytes any more or the
  // server stops: makes a Read that waits return soon, and every later one at once. An end (0)
  // tells the client that this was all.
  virtual void Cancel() {}
};

// Room behind a body for parsers that read beyond its end.
inline constexpr size_t kBodySpare = 64;

struct Request {
  Verb verb = Verb::kGet;
  std::string path;             // percent-decoded, begins with '/', no '.' or '..' segments, no NUL
  std::string query;            // raw, without '?'
  std::vector<Header> headers;  // names in lower case
  std::string body;             // whole, already un-gzipped; empty for streamed routes. Of one
                                // with a known length the capacity leaves kBodySpare bytes
  std::unique_ptr<ByteSource> stream;  // streamed routes only: the body as it arrives
  int64_t content_length = -1;         // of a streamed body, -1 when chunked
  std::string peer;                    // "127.0.0.1:51234"; empty when called in the process
  // Filled by the router:
  std::vector<std::pair<std::string, std::string>> path_parameters;  // "{id}" -> its text
  // The attempt of a job whose token came with the request, or empty (see auth).
  std::string caller;

  // The first header of that lower-case name, or empty.
  std::string_view HeaderOr(std::string_view name, std::string_view otherwise = {}) const;
  // A path parameter by name; CHECKs that the route has it.
  const std::string& Path(std::string_view name) const;
  // The decoded query parameters in order; a doubled name stays doubled.
  std::vector<std::pair<std::string, std::string>> Query() const;
  // The last query parameter of that name, or `otherwise`.
  std::string QueryOr(std::string_view name, std::string_view otherwise = {}) const;
};

struct Response {
  int status = 200;
  std::vector<Header> headers;  // Content-Length, Date and Connection are the server's business
  std::string body;
  std::unique_ptr<ByteSource> stream;  // if set, sent instead of body: chunked, or with
  int64_t stream_length = -1;          // this length when it is known

  static Response Text(int status, std::string body,
                       std::string_view type = "text/plain; charset=utf-8");
  static Response Json(int status, std::string body);  // application/json
  std::string_view HeaderOr(std::string_view name, std::string_view otherwise = {}) const;
};

// The HTTP status of an error code; the one table.
int HttpStatus(Code code);

}  // namespace tatara::net
