// How every fallible function of Tatara answers: a value, or an Error with a code and a message.
//
// The nine codes map to an HTTP status, a CLI exit code and each dialect's own error code in one
// table each (net/status.h, cli/exit_code.h, the api/ folders). A message names the thing that is
// wrong and, where there is one, the remedy.
//
// Errors are values; exceptions come only from std and third parties and are caught at three
// places: a request, the top of a thread, the call into an engine.
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace tatara {

enum class Code {
  kInvalid,      // the caller's input is wrong
  kNotFound,     // what the caller names is not there
  kConflict,     // it is there, but in a state that forbids this
  kDenied,       // the caller may not
  kExhausted,    // refused for load or a limit; trying later may help
  kUnavailable,  // something we need cannot be reached now
  kCancelled,    // somebody asked us to stop
  kUnsupported,  // a feature that this version does not have
  kInternal,     // our own fault
};

// The code's name as it stands in logs and JSON: "invalid", "not_found", ...
std::string_view CodeName(Code code);

struct Error {
  Code code = Code::kInternal;
  std::string message;
};

// std::expected with Error, but [[nodiscard]]. Default-constructible when T is.
template <class T>
class [[nodiscard]] Result : public std::expected<T, Error> {
 public:
  using std::expected<T, Error>::expected;
};

using Status = Result<void>;

// `return Invalid("metric 'x': value is not a number");`
inline std::unexpected<Error> Fail(Code code, std::string message) {
  return std::unexpected(Error{code, std::move(message)});
}
inline std::unexpected<Error> Invalid(std::string m) { return Fail(Code::kInvalid, std::move(m)); }
inline std::unexpected<Error> NotFound(std::string m) {
  return Fail(Code::kNotFound, std::move(m));
}
inline std::unexpected<Error> Conflict(std::string m) {
  return Fail(Code::kConflict, std::move(m));
}
inline std::unexpected<Error> Denied(std::string m) { return Fail(Code::kDenied, std::move(m)); }
inline std::unexpected<Error> Exhausted(std::string m) {
  return Fail(Code::kExhausted, std::move(m));
}
inline std::unexpected<Error> Unavailable(std::string m) {
  return Fail(Code::kUnavailable, std::move(m));
}
inline std::unexpected<Error> Cancelled(std::string m) {
  return Fail(Code::kCancelled, std::move(m));
}
inline std::unexpected<Error> Unsupported(std::string m) {
  return Fail(Code::kUnsupported, std::move(m));
}
inline std::unexpected<Error> Internal(std::string m) {
  return Fail(Code::kInternal, std::move(m));
}

// The same error with "where: " before its message.
Error Prefixed(std::string_view where, Error error);

[[noreturn]] void CheckFailed(const char* expression, const char* file, int line);

}  // namespace tatara

// The value of `expr`, or a return of its error from the enclosing function. One may stand inside
// another: each result has a number of its own (the step between lets __COUNTER__ become one).
#define TRY(expr) TRY_NUMBERED(expr, __COUNTER__)
#define TRY_NUMBERED(expr, number) TRY_NAMED(expr, number)
#define TRY_NAMED(expr, number)                                                               \
  ({                                                                                          \
    auto try_result_##number = (expr);                                                        \
    if (!try_result_##number) return std::unexpected(std::move(try_result_##number).error()); \
    *std::move(try_result_##number);                                                          \
  })

// A mistake of our own if false: the process ends with file and line. Always on.
#define CHECK(condition) \
  ((condition) ? (void)0 : ::tatara::CheckFailed(#condition, __FILE__, __LINE__))
