#include "net/head.h"

#include <gtest/gtest.h>

namespace tatara::net {
namespace {

constexpr HeadLimits kLimits{.head_max = 4096, .target_max = 512, .headers_max = 8};

// The head as the server takes it: scanned first, then parsed. Status 0: more bytes are needed.
std::expected<Head, Refusal> Take(std::string_view bytes) {
  HeadScanner scanner;
  switch (scanner.Scan(bytes, kLimits)) {
    case HeadScanner::State::kMore:
      return std::unexpected(Refusal{0, "more"});
    case HeadScanner::State::kBad:
      return std::unexpected(scanner.refusal());
    case HeadScanner::State::kEnd:
      break;
  }
  return ParseHead(bytes.substr(0, scanner.end()), kLimits);
}

struct Row {
  std::string name;
  std::string bytes;
  int status;
};

const std::string kStart = "POST /a HTTP/1.1\r\nHost: h\r\n";

TEST(ParseHead, HostileHeads_AreRefusedWithTheirStatus) {
  const std::string nul("GET /a HTTP/1.1\r\nHost: h\r\nX: a\0b\r\n\r\n", 37);
  const std::vector<Row> rows = {
      {"both lengths", kStart + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
      {"both, other order", kStart + "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n",
       400},
      {"two lengths", kStart + "Content-Length: 3\r\nContent-Length: 4\r\n\r\n", 400},
      {"equal lengths twice", kStart + "Content-Length: 3\r\nContent-Length: 3\r\n\r\n", 400},
      {"length list", kStart + "Content-Length: 3, 3\r\n\r\n", 400},
      {"plus", kStart + "Content-Length: +3\r\n\r\n", 400},
      {"minus", kStart + "Content-Length: -3\r\n\r\n", 400},
      {"hex length", kStart + "Content-Length: 0x3\r\n\r\n", 400},
      {"inner blank", kStart + "Content-Length: 1 3\r\n\r\n", 400},
      {"no length", kStart + "Content-Length:\r\n\r\n", 400},
      {"2^63", kStart + "Content-Length: 9223372036854775808\r\n\r\n", 413},
      {"2^64", kStart + "Content-Length: 18446744073709551616\r\n\r\n", 413},
      {"very long", kStart + "Content-Length: 99999999999999999999999999999999\r\n\r\n", 413},
      {"unknown coding", kStart + "Transfer-Encoding: gzip\r\n\r\n", 400},
      {"xchunked", kStart + "Transfer-Encoding: xchunked\r\n\r\n", 400},
      {"gzip, chunked", kStart + "Transfer-Encoding: gzip, chunked\r\n\r\n", 400},
      {"chunked twice", kStart + "Transfer-Encoding: chunked, chunked\r\n\r\n", 400},
      {"two codings", kStart + "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n",
       400},
      {"blank before colon", kStart + "Transfer-Encoding : chunked\r\n\r\n", 400},
      {"vertical tab", kStart + "Transfer-Encoding:\vchunked\r\n\r\n", 400},
      {"empty coding", kStart + "Transfer-Encoding:\r\n\r\n", 400},
      {"coding in 1.0", "POST /a HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
      {"bare LF", "GET /a HTTP/1.1\nHost: h\n\n", 400},
      {"one bare LF", "GET /a HTTP/1.1\r\nHost: h\n\r\n", 400},
      {"bare CR", kStart + "X: a\rb\r\n\r\n", 400},
      {"CR before CRLF", kStart + "X: a\r\r\n\r\n", 400},
      {"NUL", nul, 400},
      {"NUL without line", std::string("GET /\0", 6), 400},
      {"folded", kStart + "X: a\r\n b\r\n\r\n", 400},
      {"folded by tab", kStart + "X: a\r\n\tb\r\n\r\n", 400},
      {"blank first header", "GET /a HTTP/1.1\r\n Host: h\r\n\r\n", 400},
      {"no colon", kStart + "Xa\r\n\r\n", 400},
      {"no name", kStart + ": a\r\n\r\n", 400},
      {"bad name", kStart + "X(: a\r\n\r\n", 400},
      {"DEL in value", kStart + "X: a\x7f\r\n\r\n", 400},
      {"no host", "GET /a HTTP/1.1\r\n\r\n", 400},
      {"two hosts", "GET /a HTTP/1.1\r\nHost: h\r\nHost: h\r\n\r\n", 400},
      {"host with slash", "GET /a HTTP/1.1\r\nHost: h/x\r\n\r\n", 400},
      {"host with blank", "GET /a HTTP/1.1\r\nHost: h x\r\n\r\n", 400},
      {"host with user", "GET http://u@h/a HTTP/1.1\r\nHost: h\r\n\r\n", 400},
      {"HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400},
      {"version 3", "GET /a HTTP/3.0\r\nHost: h\r\n\r\n", 400},
      {"version 0.9", "GET /a\r\n\r\n", 400},
      {"version junk", "GET /a HTTP/1.1x\r\nHost: h\r\n\r\n", 400},
      {"lower-case version", "GET /a http/1.1\r\nHost: h\r\n\r\n", 400},
      {"two blanks", "GET  /a HTTP/1.1\r\nHost: h\r\n\r\n", 400},
      {"blank in target", "GET /a b HTTP/1.1\r\nHost: h\r\n\r\n", 400},
      {"tab in target", "GET /a\tb HTTP/1.1\r\nHost: h\r\n\r\n", 400},
      {"fragment", "GET /a#b HTTP/1.1\r\nHost: h\r\n\r\n", 400},
      {"no path", "GET a HTTP/1.1\r\nHost: h\r\n\r\n", 400},
      {"star for GET", "GET * HTTP/1.1\r\nHost: h\r\n\r\n", 400},
      {"CONNECT", "CONNECT h:80 HTTP/1.1\r\nHost: h\r\n\r\n", 405},
      {"unknown verb", "BREW /a HTTP/1.1\r\nHost: h\r\n\r\n", 405},
      {"lower-case verb", "get /a HTTP/1.1\r\nHost: h\r\n\r\n", 405},
      {"bad verb", "G(T /a HTTP/1.1\r\nHost: h\r\n\r\n", 400},
      {"TLS hello", "\x16\x03\x01\x02", 400},
      {"only empty lines", "\r\n\r\n", 400},
      {"bad escape", "GET /a%2 HTTP/1.1\r\nHost: h\r\n\r\n", 400},
      {"bad escape digits", "GET /a%zz HTTP/1.1\r\nHost: h\r\n\r\n", 400},
      {"bad escape in query", "GET /a?b=%4 HTTP/1.1\r\nHost: h\r\n\r\n", 400},
      {"escaped NUL", "GET /a%00 HTTP/1.1\r\nHost: h\r\n\r\n", 400},
      {"escaped line end", "GET /a%0d%0ab HTTP/1.1\r\nHost: h\r\n\r\n", 400},
      {"not UTF-8", "GET /a%ff HTTP/1.1\r\nHost: h\r\n\r\n", 400},
      {"parent", "GET /a/../b HTTP/1.1\r\nHost: h\r\n\r\n", 400},
      {"parent at the end", "GET /a/.. HTTP/1.1\r\nHost: h\r\n\r\n", 400},
      {"escaped parent", "GET /a/%2e%2E/b HTTP/1.1\r\nHost: h\r\n\r\n", 400},
      {"escaped slash", "GET /a%2f..%2fb HTTP/1.1\r\nHost: h\r\n\r\n", 400},
      {"dot", "GET /./a HTTP/1.1\r\nHost: h\r\n\r\n", 400},
      {"unknown expectation", kStart + "Expect: fish\r\n\r\n", 417},
      {"unknown packing", kStart + "Content-Encoding: br\r\n\r\n", 415},
      {"two packings", kStart + "Content-Encoding: gzip\r\nContent-Encoding: gzip\r\n\r\n", 415},
      {"long target", "GET /" + std::string(600, 'a') + " HTTP/1.1\r\nHost: h\r\n\r\n", 414},
      {"endless target", "GET /" + std::string(600, 'a'), 414},
      {"endless header", kStart + "X: " + std::string(5000, 'a'), 431},
      {"large head", kStart + "X: " + std::string(5000, 'a') + "\r\n\r\n", 431},
      {"many headers",
       kStart + "A: 1\r\nB: 1\r\nC: 1\r\nD: 1\r\nE: 1\r\nF: 1\r\nG: 1\r\nI: 1\r\n\r\n", 431},
  };
  for (const Row& row : rows) {
    auto head = Take(row.bytes);
    ASSERT_FALSE(head.has_value()) << row.name;
    EXPECT_EQ(head.error().status, row.status) << row.name << ": " << head.error().message;
  }
}

TEST(ParseHead, OrdinaryRequest_IsTakenApart) {
  auto head = Take(
      "PUT /mlflow%20x/a?b=c%20d&e HTTP/1.1\r\nHost: localhost:7700\r\n"
      "X-Long:  two words \t\r\nEmpty:\r\nContent-Length: 12\r\n\r\nhello");
  ASSERT_TRUE(head) << head.error().message;
  EXPECT_EQ(head->request.verb, Verb::kPut);
  EXPECT_EQ(head->request.path, "/mlflow x/a");
  EXPECT_EQ(head->request.query, "b=c%20d&e");
  EXPECT_EQ(head->request.HeaderOr("x-long"), "two words");
  EXPECT_EQ(head->request.HeaderOr("empty", "none"), "");
  EXPECT_EQ(head->request.HeaderOr("absent", "none"), "none");
  EXPECT_EQ(head->request.QueryOr("b"), "c d");
  EXPECT_EQ(head->content_length, 12);
  EXPECT_TRUE(head->keep_alive);
  EXPECT_TRUE(head->HasBody());
}

TEST(ParseHead, LengthOf63Bits_IsANumber) {
  auto head = Take(kStart + "Content-Length: 9223372036854775807\r\n\r\n");
  ASSERT_TRUE(head);
  EXPECT_EQ(head->content_length, INT64_MAX);
}

TEST(ParseHead, AbsoluteTarget_WinsOverHost) {
  auto head = Take("GET http://real:80/a?b HTTP/1.1\r\nHost: other\r\n\r\n");
  ASSERT_TRUE(head) << head.error().message;
  EXPECT_EQ(head->request.path, "/a");
  EXPECT_EQ(head->request.query, "b");
  EXPECT_EQ(head->request.HeaderOr("host"), "real:80");
  auto bare = Take("GET http://real HTTP/1.1\r\nHost: other\r\n\r\n");
  ASSERT_TRUE(bare);
  EXPECT_EQ(bare->request.path, "/");
}

TEST(ParseHead, KeepAlive_FollowsVersionAndConnection) {
  const std::vector<std::pair<std::string, bool>> rows = {
      {"GET / HTTP/1.1\r\nHost: h\r\n\r\n", true},
      {"GET / HTTP/1.1\r\nHost: h\r\nConnection: Close\r\n\r\n", false},
      {"GET / HTTP/1.1\r\nHost: h\r\nConnection: te, close\r\n\r\n", false},
      {"GET / HTTP/1.0\r\n\r\n", false},
      {"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", true},
      {"GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n", false},
  };
  for (const auto& [bytes, keep_alive] : rows) {
    auto head = Take(bytes);
    ASSERT_TRUE(head) << bytes;
    EXPECT_EQ(head->keep_alive, keep_alive) << bytes;
  }
}

TEST(ParseHead, Packing_IsTakenOutOfTheHeaders) {
  auto head = Take(kStart + "Content-Encoding: GZIP\r\nContent-Length: 1\r\n\r\n");
  ASSERT_TRUE(head);
  EXPECT_EQ(head->packing, Packing::kGzip);
  EXPECT_EQ(head->request.HeaderOr("content-encoding", "none"), "none");
}

TEST(ParseHead, DottedNames_AreNotParents) {
  EXPECT_EQ(*DecodePath("/a/..b/.c/d../..."), "/a/..b/.c/d../...");
  EXPECT_EQ(*DecodePath("/%C3%A4"), "/ä");
}

TEST(HeadScanner, BytesOneByOne_FindTheSameEnd) {
  const std::string bytes = "\r\nGET /a HTTP/1.1\r\nHost: h\r\n\r\nNEXT";
  HeadScanner scanner;
  for (size_t size = 0; size < bytes.size() - 4; ++size) {
    ASSERT_EQ(scanner.Scan(std::string_view(bytes).substr(0, size), kLimits),
              HeadScanner::State::kMore)
        << size;
  }
  ASSERT_EQ(scanner.Scan(bytes, kLimits), HeadScanner::State::kEnd);
  EXPECT_EQ(scanner.end(), bytes.size() - 4);
}

}  // namespace
}  // namespace tatara::net
