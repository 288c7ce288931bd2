// How the native dialect answers: JSON, and errors as {"error": message, "code": name}.
#pragma once

#include <functional>

#include "base/json.h"
#include "net/http.h"

namespace tatara::api {

net::Response Reply(const Json& value, int status = 200);
net::Response Reply(const Error& error);
// The value's JSON with 200, or the error's.
net::Response Reply(const Result<Json>& result);

// The body as a JSON object; an empty body is {}.
Result<Json> BodyObject(const net::Request& request);

// Wraps a function that may fail into a handler.
std::function<net::Response(net::Request&)> Answer(
    std::function<Result<Json>(net::Request&)> function);

// ?limit=N of a list; 0: all.
Result<int64_t> LimitOf(const net::Request& request);

}  // namespace tatara::api
