#include "base/result.h"

#include <cstdio>
#include <cstdlib>

namespace tatara {

std::string_view CodeName(Code code) {
  switch (code) {
    case Code::kInvalid:
      return "invalid";
    case Code::kNotFound:
      return "not_found";
    case Code::kConflict:
      return "conflict";
    case Code::kDenied:
      return "denied";
    case Code::kExhausted:
      return "exhausted";
    case Code::kUnavailable:
      return "unavailable";
    case Code::kCancelled:
      return "cancelled";
    case Code::kUnsupported:
      return "unsupported";
    case Code::kInternal:
      return "internal";
  }
  return "internal";
}

Error Prefixed(std::string_view where, Error error) {
  error.message = std::string(where) + ": " + error.message;
  return error;
}

void CheckFailed(const char* expression, const char* file, int line) {
  std::fprintf(stderr, "%s:%d: CHECK(%s) failed: this is a mistake in tatara\n", file, line,
               expression);
  std::abort();
}

}  // namespace tatara
