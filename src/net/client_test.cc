#include "net/client.h"

#include <gtest/gtest.h>

#include "net/server.h"
#include "os/threads.h"

namespace tatara::net {
namespace {

class TextSource : public ByteSource {
 public:
  explicit TextSource(std::string text) : text_(std::move(text)) {}
  Result<size_t> Read(std::span<char> buffer) override {
    return text_.copy(buffer.data(), buffer.size()), Advance(buffer.size());
  }

 private:
  size_t Advance(size_t most) {
    const size_t count = std::min(most, text_.size());
    text_.erase(0, count);
    return count;
  }
  std::string text_;
};

class BrokenSource : public ByteSource {
 public:
  Result<size_t> Read(std::span<char>) override { return NotFound("the file is gone"); }
};

class ClientTest : public testing::Test {
 protected:
  ClientTest() {
    auto echo = [](Request& request) {
      Response response = Response::Text(201, request.body);
      response.headers.emplace_back("X-Peer", request.peer);
      response.headers.emplace_back("X-Type", std::string(request.HeaderOr("content-type", "-")));
      response.headers.emplace_back("X-Verb", std::string(VerbName(request.verb)));
      response.headers.emplace_back("X-Given", std::string(request.HeaderOr("x-given", "-")));
      return response;
    };
    auto add = [this](Verb verb, std::string pattern, RouteKind kind, Handler handler) {
      router_.Add({{verb, std::move(pattern), Role::kAnyone, kind, std::move(handler), {}, ""}});
    };
    for (Verb verb : {Verb::kGet, Verb::kPost, Verb::kPut, Verb::kPatch, Verb::kDelete}) {
      add(verb, "/echo", RouteKind::kBuffered, echo);
    }
    add(Verb::kPut, "/stream", RouteKind::kStreamed, [](Request& request) {
      Response response;
      response.headers.emplace_back("X-Length", std::to_string(request.content_length));
      std::string all, buffer(100'000, '\0');
      for (;;) {
        auto count = request.stream->Read(buffer);
        if (!count || *count == 0) break;
        all.append(buffer, 0, *count);
      }
      response.stream = std::make_unique<TextSource>(std::move(all));
      return response;
    });
    add(Verb::kGet, "/away", RouteKind::kBuffered, [](Request&) {
      Response response = Response::Text(302, "elsewhere");
      response.headers.emplace_back("Location", "/echo");
      return response;
    });
    EXPECT_TRUE(server_.Start());
  }
  ~ClientTest() override {
    server_.Stop(std::chrono::milliseconds(1000));
    pool_.Stop();
  }
  std::string Url(std::string_view path) {
    return "http://127.0.0.1:" + std::to_string(server_.port()) + std::string(path);
  }

  Router router_;
  os::WorkPool pool_{"work", 2};
  HttpServer server_{router_, pool_, {.port = 0, .request_timeout = std::chrono::seconds(5)}};
  HttpClient client_;
};

TEST_F(ClientTest, Call_SendsVerbBodyAndHeaders) {
  for (Verb verb : {Verb::kGet, Verb::kPost, Verb::kPut, Verb::kPatch, Verb::kDelete}) {
    for (const std::string& body : {std::string(), std::string("{\"a\": 1}")}) {
      auto answer = client_.Call(
          {.verb = verb, .url = Url("/echo"), .headers = {{"X-Given", "yes"}}, .body = body});
      ASSERT_TRUE(answer) << answer.error().message;
      EXPECT_EQ(answer->status, 201);
      EXPECT_EQ(answer->body, body);
      EXPECT_EQ(answer->HeaderOr("x-verb"), VerbName(verb));
      EXPECT_EQ(answer->HeaderOr("x-given"), "yes");
      EXPECT_EQ(answer->HeaderOr("x-type"), "-");
    }
  }
  auto head = client_.Call({.verb = Verb::kHead, .url = Url("/echo")});
  ASSERT_TRUE(head);
  EXPECT_EQ(head->body, "");
}

TEST_F(ClientTest, Calls_ShareOneConnection) {
  auto first = client_.Call({.url = Url("/echo")});
  auto second = client_.Call({.verb = Verb::kPost, .url = Url("/echo"), .body = "x"});
  ASSERT_TRUE(first && second);
  EXPECT_EQ(first->HeaderOr("x-peer"), second->HeaderOr("x-peer"));
}

TEST_F(ClientTest, Streams_GoBothWays) {
  const std::string text(3'000'000, 'z');
  for (int64_t length : {int64_t{-1}, int64_t{3'000'000}}) {
    TextSource source(text);
    std::string received;
    auto answer = client_.Call({.verb = Verb::kPut,
                                .url = Url("/stream"),
                                .upload = &source,
                                .upload_length = length,
                                .on_body = [&](std::string_view piece) {
                                  received += piece;
                                  return true;
                                }});
    ASSERT_TRUE(answer) << answer.error().message;
    EXPECT_EQ(answer->HeaderOr("x-length"), std::to_string(length));
    EXPECT_EQ(received.size(), text.size());
    EXPECT_EQ(answer->body, "");
  }
}

TEST_F(ClientTest, ErrorAnswers_AreAnswersAndDoNotStream) {
  bool streamed = false;
  auto answer = client_.Call({.url = Url("/nowhere"), .on_body = [&](std::string_view) {
                                streamed = true;
                                return true;
                              }});
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 404);
  EXPECT_NE(answer->body, "");
  EXPECT_FALSE(streamed);
  auto redirect = client_.Call({.url = Url("/away")});
  ASSERT_TRUE(redirect);
  EXPECT_EQ(redirect->status, 302);
}

TEST_F(ClientTest, Errors_HaveTheirCodes) {
  auto code = [this](const ClientRequest& request) {
    auto answer = client_.Call(request);
    return answer ? Code::kInternal : answer.error().code;
  };
  BrokenSource broken;
  EXPECT_EQ(code({.url = "http://127.0.0.1:1/"}), Code::kUnavailable);
  EXPECT_EQ(code({.url = "http://nowhere.invalid/"}), Code::kUnavailable);
  EXPECT_EQ(code({.url = "ftp://127.0.0.1/"}), Code::kInvalid);
  EXPECT_EQ(code({.url = "http://:x"}), Code::kInvalid);
  EXPECT_EQ(code({.url = Url("/echo"), .headers = {{"A", "b\r\nC: d"}}}), Code::kInvalid);
  EXPECT_EQ(code({.verb = Verb::kPost, .url = Url("/echo"), .body = "12345", .body_max = 4}),
            Code::kExhausted);
  EXPECT_EQ(code({.verb = Verb::kPost,
                  .url = Url("/echo"),
                  .body = "1",
                  .on_body = [](std::string_view) { return false; }}),
            Code::kCancelled);
  EXPECT_EQ(code({.verb = Verb::kPut, .url = Url("/stream"), .upload = &broken}), Code::kNotFound);
}

TEST_F(ClientTest, LateAnswer_IsUnavailable) {
  auto answer = client_.Call({.verb = Verb::kPut,
                              .url = Url("/stream"),
                              .headers = {{"Content-Length", "5"}},
                              .timeout = std::chrono::milliseconds(100)});
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Code::kUnavailable);
}

}  // namespace
}  // namespace tatara::net
