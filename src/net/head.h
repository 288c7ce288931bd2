// The head of an HTTP/1.1 request, from bytes to a Request: strict, so that no proxy before us can
// see another request in the same bytes (RFC 9110, RFC 9112). Private to net; pure functions.
//
// Stricter than the RFC where it leaves a choice: bare LF, obsolete line folding, a doubled
// Content-Length (even of one value), Transfer-Encoding in HTTP/1.0 and any coding but "chunked"
// are refused. The one leniency: a single empty line before the request line is skipped.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

#include "net/http.h"

namespace tatara::net {

// An answer of net itself to a request that it will not serve.
struct Refusal {
  int status = 400;
  std::string message;
};

enum class Packing { kNone, kGzip, kDeflate };

struct Head {
  Request request;  // verb, path, query, headers (host is the target's, if that names one)
  int64_t content_length = 0;
  bool chunked = false;
  bool keep_alive = true;
  bool expect_continue = false;
  bool http10 = false;
  Packing packing = Packing::kNone;  // of the body; its Content-Encoding header is taken out
  bool HasBody() const { return chunked || content_length > 0; }
};

struct HeadLimits {
  size_t head_max = 64 * 1024;
  size_t target_max = 16 * 1024;
  size_t headers_max = 100;
};

// Finds the end of the head in bytes that arrive piece by piece; each byte is looked at once.
class HeadScanner {
 public:
  enum class State { kMore, kEnd, kBad };
  // `bytes` is all that has arrived since the head began. kEnd: the head is `bytes[0, end())`.
  State Scan(std::string_view bytes, const HeadLimits& limits);
  size_t end() const { return line_; }
  const Refusal& refusal() const { return refusal_; }
  void Reset() { *this = HeadScanner(); }

 private:
  State Bad(int status, std::string message);

  size_t scanned_ = 0;  // no line end before this that was not seen
  size_t line_ = 0;     // where the current line begins
  size_t lines_ = 0;    // lines that are not empty
  Refusal refusal_;
};

// `bytes` is one whole head with the empty line at its end.
std::expected<Head, Refusal> ParseHead(std::string_view bytes, const HeadLimits& limits);

// The path of a target, percent-decoded and checked: UTF-8, no control bytes, no '.' or '..'.
std::expected<std::string, Refusal> DecodePath(std::string_view raw);

}  // namespace tatara::net
