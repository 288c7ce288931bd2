// Reading a request's body with simdjson's on-demand parser, without exceptions. For .cc files of
// the codecs only.
#pragma once

#include <simdjson.h>

#include <string>
#include <string_view>

#include "base/json.h"
#include "base/result.h"

namespace tatara::api {

inline std::unexpected<Error> BadJson(simdjson::error_code error) {
  return Invalid(std::string("the body is no valid JSON: ") + simdjson::error_message(error));
}

// simdjson's result as ours.
template <class T>
Result<T> Take(simdjson::simdjson_result<T>&& result) {
  if (const auto error = result.error(); error != simdjson::SUCCESS) return BadJson(error);
  return std::move(result).value_unsafe();
}

// Calls fn(document) for the body, which gets the spare bytes that the parser wants behind its end.
// A parser keeps its buffers between small bodies, one for each thread that decodes; a large body
// gets one of its own, so that what it needed is given back.
template <class Fn>
auto WithDocument(std::string& body, Fn fn)
    -> std::invoke_result_t<Fn, simdjson::ondemand::document&> {
  constexpr size_t kSmall = 512 * 1024;
  if (body.capacity() < body.size() + simdjson::SIMDJSON_PADDING) {
    body.reserve(body.size() + simdjson::SIMDJSON_PADDING);
  }
  static thread_local simdjson::ondemand::parser kept;
  simdjson::ondemand::parser fresh;
  simdjson::ondemand::parser& parser = body.size() <= kSmall ? kept : fresh;
  auto document = parser.iterate(body.data(), body.size(), body.capacity());
  if (const auto error = document.error(); error != simdjson::SUCCESS) return BadJson(error);
  return fn(document.value_unsafe());
}

// The document's object; kInvalid with `wanted` when it is something else.
inline Result<simdjson::ondemand::object> ObjectOf(simdjson::ondemand::document& document,
                                                   const char* wanted) {
  if (TRY(Take(document.type())) != simdjson::ondemand::json_type::object) return Invalid(wanted);
  return Take(document.get_object());
}

// Nothing follows the value that was read to its end.
inline Status CheckEnd(simdjson::ondemand::document& document) {
  if (document.current_location().error() == simdjson::OUT_OF_BOUNDS) return {};
  return Invalid("the body is no valid JSON: something follows its end");
}

// The value as a tree.
inline Result<Json> ToTree(simdjson::ondemand::value value) {
  return ParseJson(TRY(Take(simdjson::to_json_string(value))));
}

// What nobody reads must be JSON all the same.
inline Status CheckJson(simdjson::ondemand::value value) {
  auto parsed = ToTree(value);
  return parsed ? Status() : std::unexpected(parsed.error());
}

}  // namespace tatara::api
