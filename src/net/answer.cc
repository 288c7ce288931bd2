#include "net/answer.h"

#include <array>
#include <charconv>

#include "base/json.h"
#include "base/strings.h"

namespace tatara::net {
namespace {

std::string_view Reason(int status) {
  struct Row {
    int status;
    std::string_view reason;
  };
  static constexpr std::array kRows = {Row{200, "OK"},
                                       Row{201, "Created"},
                                       Row{202, "Accepted"},
                                       Row{204, "No Content"},
                                       Row{206, "Partial Content"},
                                       Row{301, "Moved Permanently"},
                                       Row{302, "Found"},
                                       Row{303, "See Other"},
                                       Row{304, "Not Modified"},
                                       Row{307, "Temporary Redirect"},
                                       Row{308, "Permanent Redirect"},
                                       Row{400, "Bad Request"},
                                       Row{401, "Unauthorized"},
                                       Row{403, "Forbidden"},
                                       Row{404, "Not Found"},
                                       Row{405, "Method Not Allowed"},
                                       Row{406, "Not Acceptable"},
                                       Row{408, "Request Timeout"},
                                       Row{409, "Conflict"},
                                       Row{410, "Gone"},
                                       Row{412, "Precondition Failed"},
                                       Row{413, "Content Too Large"},
                                       Row{414, "URI Too Long"},
                                       Row{415, "Unsupported Media Type"},
                                       Row{416, "Range Not Satisfiable"},
                                       Row{417, "Expectation Failed"},
                                       Row{422, "Unprocessable Content"},
                                       Row{424, "Failed Dependency"},
                                       Row{429, "Too Many Requests"},
                                       Row{431, "Request Header Fields Too Large"},
                                       Row{499, "Cancelled"},
                                       Row{500, "Internal Server Error"},
                                       Row{501, "Not Implemented"},
                                       Row{502, "Bad Gateway"},
                                       Row{503, "Service Unavailable"},
                                       Row{504, "Gateway Timeout"},
                                       Row{505, "HTTP Version Not Supported"}};
  for (const Row& row : kRows) {
    if (row.status == status) return row.reason;
  }
  return "Other";
}

void AppendNumber(std::string& out, int64_t number) {
  char text[24];
  out.append(text, std::to_chars(text, text + sizeof(text), number).ptr);
}

void AppendHeaderText(std::string& out, std::string_view text) {
  const size_t from = out.size();
  out += text;
  for (size_t i = from; i < out.size(); ++i) {
    if (out[i] == '\r' || out[i] == '\n' || out[i] == '\0') out[i] = ' ';
  }
}

bool IsServersBusiness(std::string_view name) {
  for (std::string_view own : {"content-length", "date", "connection", "transfer-encoding"}) {
    if (name.size() == own.size() && EqualsIgnoreCase(name, own)) return true;
  }
  return false;
}

}  // namespace

void AppendAnswerHead(std::string& out, const Response& response, const AnswerFrame& frame) {
  out += "HTTP/1.1 ";
  AppendNumber(out, response.status);
  out += ' ';
  out += Reason(response.status);
  out += "\r\nDate: ";
  out += frame.date;
  for (const auto& [name, value] : response.headers) {
    if (IsServersBusiness(name)) continue;
    out += "\r\n";
    AppendHeaderText(out, name);
    out += ": ";
    AppendHeaderText(out, value);
  }
  if (frame.length >= 0) {
    out += "\r\nContent-Length: ";
    AppendNumber(out, frame.length);
  }
  if (frame.chunked) out += "\r\nTransfer-Encoding: chunked";
  if (frame.close) out += "\r\nConnection: close";
  if (frame.keep_alive) out += "\r\nConnection: keep-alive";
  out += "\r\n\r\n";
}

Response ErrorResponse(int status, std::string_view message) {
  std::string body;
  JsonWriter(body).BeginObject().Key("error").String(message).EndObject();
  Response response = Response::Json(status, std::move(body));
  if (status == 503 || status == 429) response.headers.emplace_back("Retry-After", "1");
  return response;
}

}  // namespace tatara::net
