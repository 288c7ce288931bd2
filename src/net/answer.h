// The head of an answer, from a Response to bytes. Private to net; pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "net/http.h"

namespace tatara::net {

struct AnswerFrame {
  std::string_view date;  // of the Date header
  int64_t length = -1;    // Content-Length; -1: none
  bool chunked = false;
  bool close = false;       // the connection ends with this answer
  bool keep_alive = false;  // must be said (HTTP/1.0)
};

// Appends the status line, headers and the empty line. Bytes in header values that would end the
// line become blanks; headers that are the server's business are left out.
void AppendAnswerHead(std::string& out, const Response& response, const AnswerFrame& frame);

// Whether an answer of that status has a body at all.
inline bool HasBody(int status) { return status >= 200 && status != 204 && status != 304; }

// The JSON answer {"error": message} of net itself; 503 and 429 carry Retry-After: 1.
Response ErrorResponse(int status, std::string_view message);

}  // namespace tatara::net
