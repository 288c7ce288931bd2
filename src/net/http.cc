#include "net/http.h"

#include <algorithm>
#include <array>

#include "base/strings.h"

namespace tatara::net {

std::string_view VerbName(Verb verb) {
  static constexpr std::array<std::string_view, 7> kNames = {"GET",   "HEAD",   "POST",   "PUT",
                                                             "PATCH", "DELETE", "OPTIONS"};
  return kNames[static_cast<size_t>(verb)];
}

std::string_view Request::HeaderOr(std::string_view name, std::string_view otherwise) const {
  for (const auto& [key, value] : headers) {
    if (key == name) return value;
  }
  return otherwise;
}

const std::string& Request::Path(std::string_view name) const {
  auto found = std::find_if(path_parameters.begin(), path_parameters.end(),
                            [&](const auto& parameter) { return parameter.first == name; });
  CHECK(found != path_parameters.end());
  return found->second;
}

std::vector<std::pair<std::string, std::string>> Request::Query() const {
  std::vector<std::pair<std::string, std::string>> parameters;
  std::string_view rest = query;
  while (!rest.empty()) {
    const std::string_view item = rest.substr(0, rest.find('&'));
    rest.remove_prefix(std::min(rest.size(), item.size() + 1));
    if (item.empty()) continue;
    const size_t equals = std::min(item.find('='), item.size());
    auto decode = [](std::string_view text) {
      std::string decoded;
      return PercentDecode(text, true, decoded) ? decoded : std::string(text);
    };
    parameters.emplace_back(decode(item.substr(0, equals)),
                            decode(item.substr(std::min(equals + 1, item.size()))));
  }
  return parameters;
}

std::string Request::QueryOr(std::string_view name, std::string_view otherwise) const {
  std::string value(otherwise);
  for (auto& [key, text] : Query()) {
    if (key == name) value = std::move(text);
  }
  return value;
}

Response Response::Text(int status, std::string body, std::string_view type) {
  Response response;
  response.status = status;
  response.headers.emplace_back("Content-Type", type);
  response.body = std::move(body);
  return response;
}

Response Response::Json(int status, std::string body) {
  return Text(status, std::move(body), "application/json");
}

std::string_view Response::HeaderOr(std::string_view name, std::string_view otherwise) const {
  for (const auto& [key, value] : headers) {
    if (EqualsIgnoreCase(key, name)) return value;
  }
  return otherwise;
}

int HttpStatus(Code code) {
  switch (code) {
    case Code::kInvalid:
      return 400;
    case Code::kNotFound:
      return 404;
    case Code::kConflict:
      return 409;
    case Code::kDenied:
      return 403;
    case Code::kExhausted:
      return 429;
    case Code::kUnavailable:
      return 503;
    case Code::kCancelled:
      return 499;
    case Code::kUnsupported:
      return 400;  // the caller asked for it: never a 5xx, which is retried
    case Code::kInternal:
      return 500;
  }
  return 500;
}

}  // namespace tatara::net
