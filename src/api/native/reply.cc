#include "api/native/reply.h"

#include "base/strings.h"

namespace tatara::api {

net::Response Reply(const Json& value, int status) {
  return net::Response::Json(status, value.Dump());
}

net::Response Reply(const Error& error) {
  net::Response response =
      Reply(Json::Of({{"error", error.message}, {"code", CodeName(error.code)}}),
            net::HttpStatus(error.code));
  if (response.status == 429 || response.status == 503) {
    response.headers.emplace_back("Retry-After", "1");
  }
  return response;
}

net::Response Reply(const Result<Json>& result) {
  return result ? Reply(*result) : Reply(result.error());
}

Result<Json> BodyObject(const net::Request& request) {
  if (Trim(request.body).empty()) return Json::MakeObject();
  Json body = TRY(ParseJson(request.body));
  if (!body.IsObject()) return Invalid("the body must be a JSON object");
  return body;
}

std::function<net::Response(net::Request&)> Answer(
    std::function<Result<Json>(net::Request&)> function) {
  return
      [function = std::move(function)](net::Request& request) { return Reply(function(request)); };
}

Result<int64_t> LimitOf(const net::Request& request) {
  const std::string text = request.QueryOr("limit", "0");
  int64_t limit = 0;
  if (!ParseInt(text, limit) || limit < 0) {
    return Invalid("limit must be a whole number from 0 on (0: all), not '" + text + "'");
  }
  return limit;
}

}  // namespace tatara::api
