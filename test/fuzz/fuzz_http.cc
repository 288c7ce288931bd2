// The head of a request, as it comes: whole, and split at any place.
#include "fuzz/driver.h"
#include "net/head.h"

namespace {

void Run(std::string_view bytes) {
  using tatara::net::HeadScanner;
  const tatara::net::HeadLimits limits;
  HeadScanner scanner;
  const auto state = scanner.Scan(bytes.substr(0, bytes.size() / 2), limits);
  if (state == HeadScanner::State::kBad) return;
  if (state == HeadScanner::State::kMore &&
      scanner.Scan(bytes, limits) != HeadScanner::State::kEnd) {
    return;
  }
  (void)tatara::net::ParseHead(bytes.substr(0, scanner.end()), limits);
  (void)tatara::net::DecodePath(bytes);
}

}  // namespace

int main(int argc, char** argv) {
  return tatara::fuzz::Main(
      argc, argv,
      {.name = "http",
       .seeds = {"GET /a/b?c=d&e=%20f HTTP/1.1\r\nHost: h:80\r\nAccept: */*\r\n\r\n",
                 "POST /v2/models/m/infer HTTP/1.1\r\nHost: h\r\nContent-Length: 12\r\n"
                 "Content-Type: application/json\r\nExpect: 100-continue\r\n\r\n",
                 "PUT http://h/x HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: chunked\r\n"
                 "Content-Encoding: gzip\r\nConnection: close, x\r\n\r\n"},
       .words = {"\r\n",
                 "\n",
                 "\r",
                 ":",
                 " ",
                 "%2e%2e",
                 "%00",
                 "/",
                 "..",
                 "Content-Length: 5",
                 "Transfer-Encoding: chunked",
                 "99999999999999999999",
                 "-1",
                 "HTTP/1.1",
                 "Host: h",
                 "\xff",
                 "chunked, chunked",
                 "?",
                 "&",
                 "=",
                 "\t",
                 std::string(1, '\0')},
       .run = Run});
}
