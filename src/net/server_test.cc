#include "net/server.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <zlib.h>

#include <atomic>
#include <condition_variable>
#include <fstream>
#include <mutex>
#include <stdexcept>

#include "net/test_wire.h"
#include "os/clock.h"
#include "os/threads.h"

namespace tatara::net {
namespace {

using std::chrono::milliseconds;

// Lets a test hold a handler until it says go.
class Gate {
 public:
  void Open() {
    std::lock_guard lock(mutex_);
    open_ = true;
    change_.notify_all();
  }
  void Pass() {
    std::unique_lock lock(mutex_);
    ++waiting_;
    change_.notify_all();
    change_.wait(lock, [this] { return open_; });
  }
  void AwaitWaiting(int count) {
    std::unique_lock lock(mutex_);
    change_.wait(lock, [&] { return waiting_ >= count; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable change_;
  bool open_ = false;
  int waiting_ = 0;
};

// `size` bytes "abc...zabc...".
class Alphabet : public ByteSource {
 public:
  explicit Alphabet(int64_t size) : size_(size) {}
  Result<size_t> Read(std::span<char> buffer) override {
    size_t count = 0;
    for (; count < buffer.size() && at_ < size_; ++count, ++at_) {
      buffer[count] = static_cast<char>('a' + at_ % 26);
    }
    return count;
  }

 private:
  int64_t size_;
  int64_t at_ = 0;
};

// A log that never says anything more; ends when cancelled.
class Silence : public ByteSource {
 public:
  explicit Silence(std::atomic<int>& cancelled) : cancelled_(cancelled) {}
  Result<size_t> Read(std::span<char> buffer) override {
    if (!std::exchange(greeted_, true)) {
      buffer[0] = '!';
      return 1;
    }
    gate_.Pass();
    return 0;
  }
  bool MayWait() const override { return true; }
  void Cancel() override {
    ++cancelled_;
    gate_.Open();
  }

 private:
  std::atomic<int>& cancelled_;
  bool greeted_ = false;
  Gate gate_;
};

// Nothing, and holds `token` for as long as somebody holds it.
class Held : public ByteSource {
 public:
  explicit Held(std::shared_ptr<int> token) : token_(std::move(token)) {}
  Result<size_t> Read(std::span<char>) override { return 0; }

 private:
  std::shared_ptr<int> token_;
};

class ServerTest : public testing::Test {
 protected:
  ServerTest() {
    options_.host = "127.0.0.1";
    options_.port = 0;
  }
  ~ServerTest() override {
    gate_.Open();
    if (server_) server_->Stop(milliseconds(2000));
    server_.reset();
    pool_.Stop();
  }

  void Start() {
    std::vector<Route> routes = BufferedRoutes();
    for (Route& route : StreamRoutes()) routes.push_back(std::move(route));
    for (Route& route : InlineRoutes()) routes.push_back(std::move(route));
    router_.Add(std::move(routes));
    server_ = std::make_unique<HttpServer>(router_, pool_, options_, guard_);
    auto started = server_->Start();
    ASSERT_TRUE(started) << started.error().message;
  }
  Wire Connect() { return Wire(server_->port()); }
  // One request on a connection of its own.
  Response Ask(std::string_view bytes) {
    Wire wire = Connect();
    wire.Send(bytes);
    return wire.ReadAnswer();
  }

  static Route Make(Verb verb, std::string pattern, RouteKind kind, Handler handler) {
    return {verb, std::move(pattern), Role::kAnyone, kind, std::move(handler), {}, ""};
  }
  std::vector<Route> BufferedRoutes() {
    std::vector<Route> routes;
    routes.push_back(Make(Verb::kPost, "/echo", RouteKind::kBuffered,
                          [](Request& request) { return Response::Text(200, request.body); }));
    routes.push_back(Make(Verb::kGet, "/hello", RouteKind::kBuffered, [](Request& request) {
      return Response::Text(200, "hello " + request.QueryOr("name"));
    }));
    routes.push_back(Make(Verb::kGet, "/throw", RouteKind::kBuffered,
                          [](Request&) -> Response { throw std::runtime_error("secret"); }));
    routes.push_back(Make(Verb::kGet, "/empty", RouteKind::kBuffered, [](Request&) {
      Response response;
      response.status = 204;
      return response;
    }));
    routes.push_back(Make(Verb::kGet, "/held", RouteKind::kBuffered, [this](Request&) {
      gate_.Pass();
      return Response::Text(200, "held");
    }));
    routes.push_back(Make(Verb::kGet, "/split", RouteKind::kBuffered, [](Request&) {
      Response response = Response::Text(200, "x");
      response.headers.emplace_back("X-Evil", "a\r\nSet-Cookie: b");
      return response;
    }));
    return routes;
  }
  std::vector<Route> StreamRoutes() {
    std::vector<Route> routes;
    routes.push_back(Make(Verb::kGet, "/stream/{size}", RouteKind::kBuffered, [](Request& request) {
      Response response;
      const int64_t size = std::stoll(request.Path("size"));
      response.stream = std::make_unique<Alphabet>(size);
      if (request.QueryOr("sized") == "1") response.stream_length = size;
      if (request.QueryOr("sized") == "lie") response.stream_length = size + 1;
      return response;
    }));
    routes.push_back(Make(Verb::kGet, "/follow", RouteKind::kBuffered, [this](Request&) {
      Response response;
      response.stream = std::make_unique<Silence>(cancelled_);
      return response;
    }));
    routes.push_back(Make(Verb::kPut, "/count", RouteKind::kStreamed, [this](Request& request) {
      std::string buffer(256 * 1024, '\0');
      int64_t total = 0;
      for (;;) {
        auto count = request.stream->Read(buffer);
        if (!count) {
          ++stream_errors_;
          return Response::Text(500, count.error().message);
        }
        if (*count == 0) return Response::Text(200, std::to_string(total));
        total += static_cast<int64_t>(*count);
      }
    }));
    routes.push_back(Make(Verb::kPut, "/refuse", RouteKind::kStreamed,
                          [](Request&) { return Response::Text(403, "no"); }));
    routes.push_back(Make(Verb::kPut, "/wait", RouteKind::kStreamed, [this](Request& request) {
      gate_.Pass();
      std::string buffer(1024, '\0');
      return Response::Text(200, std::to_string(*request.stream->Read(buffer)));
    }));
    return routes;
  }
  std::vector<Route> InlineRoutes() {
    auto make = [](Verb verb, std::string pattern, InlineHandler handler) {
      return Route{verb,
                   std::move(pattern),
                   Role::kAnyone,
                   RouteKind::kInline,
                   Handler(),
                   std::move(handler),
                   ""};
    };
    std::vector<Route> routes;
    routes.push_back(make(Verb::kPost, "/inline", [](Request request, Responder responder) {
      responder(Response::Text(200, request.body));
    }));
    routes.push_back(make(Verb::kGet, "/drop", [](Request, Responder) {}));
    routes.push_back(make(Verb::kGet, "/inline-throw",
                          [](Request, Responder) { throw std::runtime_error("secret"); }));
    routes.push_back(make(Verb::kGet, "/later/{n}", [this](Request request, Responder responder) {
      std::lock_guard lock(parked_mutex_);
      parked_.emplace_back(request.Path("n"), std::move(responder));
      if (parked_.size() == park_until_) pool_.Post([this] { AnswerParked(); });
    }));
    routes.push_back(make(Verb::kGet, "/batch/{n}", [this](Request request, Responder responder) {
      if (batch_.empty()) server_->AfterWakeUp([this] { RunBatch(); });
      batch_.emplace_back(request.Path("n"), std::move(responder));
    }));
    return routes;
  }
  void AwaitParked() {
    for (bool parked = false; !parked;) {
      std::lock_guard lock(parked_mutex_);
      parked = parked_.size() == 1;
    }
  }
  // From another thread, the last one first.
  void AnswerParked() {
    std::lock_guard lock(parked_mutex_);
    while (!parked_.empty()) {
      parked_.back().second(Response::Text(200, parked_.back().first));
      parked_.pop_back();
    }
  }
  void RunBatch() {
    const std::string size = std::to_string(batch_.size());
    for (auto& [n, responder] : std::exchange(batch_, {})) {
      responder(Response::Text(200, n + " of " + size));
    }
  }

  Router router_;
  os::WorkPool pool_{"work", 4, 8};
  ServerOptions options_;
  HttpServer::Guard guard_;
  Gate gate_;
  std::atomic<int> cancelled_ = 0;
  std::atomic<int> stream_errors_ = 0;
  std::mutex parked_mutex_;
  std::vector<std::pair<std::string, Responder>> parked_;
  size_t park_until_ = 0;
  std::vector<std::pair<std::string, Responder>> batch_;
  std::unique_ptr<HttpServer> server_;
};

std::string Get(std::string_view target, std::string_view more = "") {
  return "GET " + std::string(target) + " HTTP/1.1\r\nHost: h\r\n" + std::string(more) + "\r\n";
}
std::string Post(std::string_view target, std::string_view body, std::string_view more = "") {
  return "POST " + std::string(target) +
         " HTTP/1.1\r\nHost: h\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" +
         std::string(more) + "\r\n" + std::string(body);
}

TEST_F(ServerTest, Requests_ShareAConnection) {
  Start();
  Wire wire = Connect();
  for (int i = 0; i < 3; ++i) {
    wire.Send(Get("/hello?name=a%20b"));
    Response response = wire.ReadAnswer();
    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(response.body, "hello a b");
    EXPECT_EQ(response.HeaderOr("connection", "none"), "none");
    EXPECT_EQ(response.HeaderOr("date").size(), 29u);
  }
}

TEST_F(ServerTest, ConnectionClose_IsSaidAndDone) {
  Start();
  Wire wire = Connect();
  wire.Send(Get("/hello", "Connection: close\r\n"));
  EXPECT_EQ(wire.ReadAnswer().HeaderOr("connection"), "close");
  EXPECT_TRUE(wire.AtEnd());
}

TEST_F(ServerTest, Http10_ClosesUnlessAsked) {
  Start();
  Wire wire = Connect();
  wire.Send("GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_EQ(wire.ReadAnswer().HeaderOr("connection"), "keep-alive");
  wire.Send("GET /stream/100 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  const std::string bytes = wire.ReadToEnd();
  EXPECT_EQ(bytes.find("Transfer-Encoding"), std::string::npos);
  EXPECT_EQ(bytes.size() - bytes.find("\r\n\r\n") - 4, 100u);
}

TEST_F(ServerTest, RequestOneByteAtATime_IsServed) {
  Start();
  Wire wire = Connect();
  for (char c : Post("/echo", "hello")) wire.Send(std::string_view(&c, 1));
  EXPECT_EQ(wire.ReadAnswer().body, "hello");
}

TEST_F(ServerTest, Pipelined_AnswersComeInOrder) {
  Start();
  Wire wire = Connect();
  std::string bytes;
  for (int i = 0; i < 200; ++i) {
    bytes += i % 3 ? Post("/inline", std::to_string(i)) : Post("/echo", std::to_string(i));
  }
  wire.Send(bytes);
  for (int i = 0; i < 200; ++i) ASSERT_EQ(wire.ReadAnswer().body, std::to_string(i));
}

TEST_F(ServerTest, PipelinedInline_AnsweredBackwards_StillComeInOrder) {
  park_until_ = 5;
  Start();
  Wire wire = Connect();
  std::string bytes;
  for (int i = 0; i < 5; ++i) bytes += Get("/later/" + std::to_string(i));
  wire.Send(bytes);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(wire.ReadAnswer().body, std::to_string(i));
}

TEST_F(ServerTest, AfterWakeUp_SeesAllRequestsOfTheWakeUp) {
  Start();
  Wire wire = Connect();
  std::string bytes;
  for (int i = 0; i < 10; ++i) bytes += Get("/batch/" + std::to_string(i));
  wire.Send(bytes);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(wire.ReadAnswer().body, std::to_string(i) + " of 10");
}

TEST_F(ServerTest, Chunked_InAndOut) {
  Start();
  Wire wire = Connect();
  wire.Send(
      "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
      "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n" +
      Get("/stream/1000"));
  EXPECT_EQ(wire.ReadAnswer().body, "hello world");
  Response streamed = wire.ReadAnswer();
  EXPECT_EQ(streamed.HeaderOr("transfer-encoding"), "chunked");
  EXPECT_EQ(streamed.body.size(), 1000u);
  EXPECT_TRUE(streamed.body.starts_with("abc"));
  wire.Send(Get("/stream/1000?sized=1"));
  EXPECT_EQ(wire.ReadAnswer().HeaderOr("content-length"), "1000");
}

TEST_F(ServerTest, StreamThatIsShorterThanSaid_IsCut) {
  Start();
  Wire wire = Connect();
  wire.Send(Get("/stream/10?sized=lie"));
  EXPECT_TRUE(wire.ReadUntil("\r\n\r\nabcdefghij"));
  EXPECT_FALSE(wire.More());
}

TEST_F(ServerTest, Head_HasTheLengthButNoBody) {
  Start();
  Wire wire = Connect();
  wire.Send(
      "HEAD /hello HTTP/1.1\r\nHost: h\r\n\r\nHEAD /stream/50?sized=1 HTTP/1.1\r\nHost: h\r\n\r\n" +
      Get("/empty"));
  EXPECT_EQ(wire.ReadAnswer(true).HeaderOr("content-length"), "6");
  EXPECT_EQ(wire.ReadAnswer(true).HeaderOr("content-length"), "50");
  Response empty = wire.ReadAnswer();
  EXPECT_EQ(empty.status, 204);
  EXPECT_EQ(empty.HeaderOr("content-length", "none"), "none");
}

TEST_F(ServerTest, Expect100_IsGranted) {
  Start();
  Wire wire = Connect();
  wire.Send("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(wire.ReadAnswer().status, 100);
  wire.Send("hello");
  EXPECT_EQ(wire.ReadAnswer().body, "hello");
  wire.Send("PUT /count HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(wire.ReadAnswer().status, 100);
  wire.Send("hello");
  EXPECT_EQ(wire.ReadAnswer().body, "5");
}

TEST_F(ServerTest, Expect100_OverTheLimit_GetsItsFinal413AtOnce) {
  options_.body_max = 1000;
  Start();
  Wire wire = Connect();
  wire.Send(
      "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 1001\r\nExpect: 100-continue\r\n\r\n");
  Response response = wire.ReadAnswer();
  EXPECT_EQ(response.status, 413);
  EXPECT_EQ(response.HeaderOr("connection"), "close");
  EXPECT_TRUE(wire.AtEnd());
}

TEST_F(ServerTest, TooLargeBodyThatIsSentAnyway_StillSeesTheAnswer) {
  options_.body_max = 1000;
  Start();
  Wire wire = Connect();
  EXPECT_TRUE(wire.Send(Post("/echo", std::string(20'000'000, 'x'))));
  EXPECT_EQ(wire.ReadAnswer().status, 413);
  Wire chunked = Connect();
  chunked.Send("POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
  EXPECT_TRUE(chunked.Send("1312D00\r\n" + std::string(20'000'000, 'x') + "\r\n0\r\n\r\n"));
  EXPECT_EQ(chunked.ReadAnswer().status, 413);
}

TEST_F(ServerTest, AmbiguousRequests_AreRefusedAndNothingBehindThemIsServed) {
  Start();
  const std::string hidden = "GET /hello HTTP/1.1\r\nHost: h\r\n\r\n";
  const std::vector<std::pair<std::string, std::string>> pairs = {
      {"400",
       "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 6\r\n"
       "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
      {"400", "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\nContent-Length: 44\r\n\r\n"},
      {"400", "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"},
      {"400", "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n"},
      {"400", "POST /echo HTTP/1.1\r\nHost: h\r\nX: a\nContent-Length: 44\r\n\r\n"},
      {"400",
       "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nZZ\r\n0\r\n\r\n"},
      {"400",
       "PUT /count HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nZZ\r\n0\r\n\r\n"},
      {"400", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"},
      {"413", "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 18446744073709551660\r\n\r\n"},
  };
  for (const auto& [status, bytes] : pairs) {
    Wire wire = Connect();
    wire.Send(bytes + hidden);
    const std::string answers = wire.ReadToEnd();
    EXPECT_TRUE(answers.starts_with("HTTP/1.1 " + status)) << bytes << answers;
    EXPECT_EQ(answers.find("hello"), std::string::npos) << bytes;
    EXPECT_NE(answers.find(R"({"error":")"), std::string::npos) << answers;
    EXPECT_NE(answers.find("Connection: close"), std::string::npos) << answers;
  }
}

TEST_F(ServerTest, UnknownRoutes_KeepTheConnection) {
  Start();
  Wire wire = Connect();
  wire.Send(
      Post("/nowhere", "body") + Post("/hello", "body") +
      "POST /nowhere HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n" +
      "OPTIONS /hello HTTP/1.1\r\nHost: h\r\n\r\nOPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n" +
      Get("/hello"));
  EXPECT_EQ(wire.ReadAnswer().status, 404);
  Response wrong_verb = wire.ReadAnswer();
  EXPECT_EQ(wrong_verb.status, 405);
  EXPECT_EQ(wrong_verb.HeaderOr("allow"), "GET, HEAD");
  EXPECT_EQ(wire.ReadAnswer().status, 404);
  Response asked = wire.ReadAnswer();
  EXPECT_EQ(asked.status, 204);
  EXPECT_EQ(asked.HeaderOr("allow"), "OPTIONS, GET, HEAD");
  EXPECT_EQ(wire.ReadAnswer().status, 204);
  EXPECT_EQ(wire.ReadAnswer().status, 200);
}

TEST_F(ServerTest, Guard_RefusesBeforeTheBodyAndNamesTheCaller) {
  guard_ = [](Request& request, const Route&) -> std::unique_ptr<Response> {
    if (request.HeaderOr("authorization") == "yes") return nullptr;
    return std::make_unique<Response>(Response::Text(401, "who are you?"));
  };
  Start();
  Wire wire = Connect();
  wire.Send(Post("/echo", "body"));
  EXPECT_EQ(wire.ReadAnswer().status, 401);
  wire.Send(Post("/echo", "body", "Authorization: yes\r\n"));
  EXPECT_EQ(wire.ReadAnswer().body, "body");
  wire.Send("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\n");
  EXPECT_EQ(wire.ReadAnswer().HeaderOr("connection"), "close");
}

TEST_F(ServerTest, Failures_Are500WithoutDetails) {
  Start();
  for (const char* path : {"/throw", "/drop", "/inline-throw"}) {
    Response response = Ask(Get(path));
    EXPECT_EQ(response.status, 500) << path;
    EXPECT_EQ(response.body, R"({"error":"internal error"})") << path;
  }
}

TEST_F(ServerTest, LineEndsInAnswerHeaders_CannotSplitTheAnswer) {
  Start();
  EXPECT_EQ(Ask(Get("/split")).HeaderOr("set-cookie", "none"), "none");
}

TEST_F(ServerTest, PackedBody_IsUnpackedAndBounded) {
  options_.body_max = 1'000'000;
  Start();
  auto pack = [](const std::string& text) {
    uLongf size = compressBound(text.size());
    std::string packed(size, '\0');
    EXPECT_EQ(compress2(reinterpret_cast<Bytef*>(packed.data()), &size,
                        reinterpret_cast<const Bytef*>(text.data()), text.size(), 9),
              Z_OK);
    packed.resize(size);
    return packed;
  };
  const std::string text(500'000, 'x');
  EXPECT_EQ(Ask(Post("/echo", pack(text), "Content-Encoding: deflate\r\n")).body, text);
  const std::string bomb = pack(std::string(100'000'000, '\0'));
  EXPECT_EQ(Ask(Post("/echo", bomb, "Content-Encoding: deflate\r\n")).status, 413);
  EXPECT_EQ(Ask(Post("/echo", "junk", "Content-Encoding: gzip\r\n")).status, 400);
}

TEST_F(ServerTest, SlowHead_Gets408) {
  options_.head_timeout = milliseconds(40);
  Start();
  Wire wire = Connect();
  wire.Send("GET /hello HTTP/1.1\r\nHos");
  EXPECT_EQ(wire.ReadAnswer().status, 408);
  EXPECT_TRUE(wire.AtEnd());
}

TEST_F(ServerTest, SlowBody_Gets408) {
  options_.request_timeout = milliseconds(40);
  Start();
  Wire buffered = Connect();
  buffered.Send("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\nabc");
  EXPECT_EQ(buffered.ReadAnswer().status, 408);
  Wire streamed = Connect();
  streamed.Send("PUT /count HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\nabc");
  EXPECT_EQ(streamed.ReadAnswer().status, 408);
  EXPECT_EQ(stream_errors_, 1);
}

TEST_F(ServerTest, IdleConnection_IsClosed) {
  options_.idle_timeout = milliseconds(40);
  Start();
  Wire wire = Connect();
  EXPECT_TRUE(wire.AtEnd());
}

TEST_F(ServerTest, SlowReader_IsCutOff) {
  options_.request_timeout = milliseconds(100);
  Start();
  Wire wire(server_->port(), 4096);
  wire.Send(Get("/stream/100000000"));
  EXPECT_TRUE(wire.ReadUntil("HTTP/1.1 200"));
  // Nothing more is read until the server has given up, which it does before its deadline.
  EXPECT_EQ(Ask(Get("/hello")).status, 200);
  os::Stopwatch stopwatch;
  server_->Stop(milliseconds(20'000));
  EXPECT_LT(stopwatch.Elapsed(), milliseconds(10'000));
  EXPECT_LT(wire.ReadToEnd().size(), 100'000'000u);
}

TEST_F(ServerTest, Floods_AreRefused) {
  Start();
  EXPECT_EQ(Ask("GET /" + std::string(100'000, 'a')).status, 414);
  EXPECT_EQ(Ask("GET / HTTP/1.1\r\nHost: h\r\nX: " + std::string(100'000, 'a')).status, 431);
  std::string many = "GET / HTTP/1.1\r\nHost: h\r\n";
  for (int i = 0; i < 5000; ++i) many += "A: b\r\n";
  EXPECT_EQ(Ask(many).status, 431);
}

TEST_F(ServerTest, HalfClosed_IsServedThenClosed) {
  Start();
  Wire wire = Connect();
  wire.Send(Get("/hello") + Post("/echo", "x") + Get("/stream/500000"));
  wire.HalfClose();
  EXPECT_EQ(wire.ReadAnswer().status, 200);
  EXPECT_EQ(wire.ReadAnswer().body, "x");
  EXPECT_EQ(wire.ReadAnswer().body.size(), 500'000u);
  EXPECT_TRUE(wire.AtEnd());
}

TEST_F(ServerTest, CutOffRequests_EndWithoutHandler) {
  Start();
  Wire head = Connect();
  head.Send("GET /hel");
  head.HalfClose();
  EXPECT_EQ(head.ReadAnswer().status, 400);
  Wire body = Connect();
  body.Send("PUT /count HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\nabc");
  body.HalfClose();
  EXPECT_EQ(body.ReadAnswer().status, 400);
  EXPECT_EQ(stream_errors_, 1);
}

TEST_F(ServerTest, ManyIdleConnections_DoNotHinder) {
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = std::min<rlim_t>(files.rlim_max, 4096);
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &files), 0);
  Start();
  std::vector<Wire> idle;
  for (int i = 0; i < 1000; ++i) idle.push_back(Connect());
  EXPECT_EQ(Ask(Get("/hello")).status, 200);
  idle.front().Send(Get("/hello"));
  EXPECT_EQ(idle.front().ReadAnswer().status, 200);
}

TEST_F(ServerTest, TooManyConnections_TheNewestIsTold) {
  options_.connections_max = 3;
  Start();
  std::vector<Wire> wires;
  for (int i = 0; i < 3; ++i) {
    wires.push_back(Connect());
    wires.back().Send(Get("/hello"));
    EXPECT_EQ(wires.back().ReadAnswer().status, 200);
  }
  Wire fourth = Connect();
  Response response = fourth.ReadAnswer();
  EXPECT_EQ(response.status, 503);
  EXPECT_EQ(response.HeaderOr("retry-after"), "1");
  EXPECT_TRUE(fourth.AtEnd());
}

TEST_F(ServerTest, TooManyRequests_Get503BeforeTheirBody) {
  options_.requests_in_flight_max = 2;
  Start();
  Wire first = Connect(), second = Connect(), third = Connect();
  first.Send(Get("/held"));
  second.Send(Get("/held"));
  gate_.AwaitWaiting(2);
  third.Send("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\n");
  Response response = third.ReadAnswer();
  EXPECT_EQ(response.status, 503);
  EXPECT_EQ(response.HeaderOr("retry-after"), "1");
  gate_.Open();
  EXPECT_EQ(first.ReadAnswer().status, 200);
  EXPECT_EQ(Ask(Get("/hello")).status, 200);
}

TEST_F(ServerTest, FullPool_Gets503) {
  Start();
  std::vector<Wire> wires;
  for (int i = 0; i < 4; ++i) {
    wires.push_back(Connect());
    wires.back().Send(Get("/held"));
  }
  gate_.AwaitWaiting(4);
  while (pool_.Post([] {})) {
  }
  EXPECT_EQ(Ask(Get("/hello")).status, 503);
  gate_.Open();
  EXPECT_EQ(wires[0].ReadAnswer().status, 200);
}

TEST_F(ServerTest, BodiesBeyondTheirMemory_Get503) {
  options_.bodies_max = 1'000'000;
  Start();
  EXPECT_EQ(Ask(Post("/echo", std::string(900'000, 'x'))).status, 200);
  EXPECT_EQ(Ask(Post("/echo", std::string(1'100'000, 'x'))).status, 503);
  EXPECT_EQ(Ask(Post("/echo", std::string(900'000, 'x'))).status, 200);
}

// What the process holds in memory at most so far, in bytes.
int64_t PeakMemory() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmHWM:")) return std::stoll(line.substr(6)) * 1024;
  }
  return 0;
}

TEST_F(ServerTest, LargeStreams_NeedLittleMemory) {
  Start();
  Wire warm = Connect();
  warm.Send(Get("/stream/1000000"));
  warm.ReadAnswer();
  const int64_t before = PeakMemory();
  Wire up = Connect();
  const std::string piece(1'000'000, 'x');
  up.Send("PUT /count HTTP/1.1\r\nHost: h\r\nContent-Length: 100000000\r\n\r\n");
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(up.Send(piece));
  EXPECT_EQ(up.ReadAnswer().body, "100000000");
  Wire down = Connect();
  down.Send(Get("/stream/100000000?sized=1"));
  ASSERT_TRUE(down.ReadUntil("\r\n\r\n"));
  const auto head = static_cast<int64_t>(down.bytes().find("\r\n\r\n") + 4);
  int64_t total = static_cast<int64_t>(down.TakeBytes()) - head;
  while (total < 100'000'000 && down.More()) total += static_cast<int64_t>(down.TakeBytes());
  EXPECT_EQ(total, 100'000'000);
  EXPECT_LT(PeakMemory() - before, 20'000'000);
}

TEST_F(ServerTest, StreamedHandlerThatReadsNothing_AnswersAndEnds) {
  Start();
  Wire large = Connect();
  EXPECT_TRUE(large.Send("PUT /refuse HTTP/1.1\r\nHost: h\r\nContent-Length: 5000000\r\n\r\n" +
                         std::string(5'000'000, 'x')));
  Response response = large.ReadAnswer();
  EXPECT_EQ(response.status, 403);
  EXPECT_EQ(response.HeaderOr("connection"), "close");
  Wire small = Connect();
  small.Send("PUT /refuse HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello" + Get("/hello"));
  EXPECT_EQ(small.ReadAnswer().status, 403);
  EXPECT_EQ(small.ReadAnswer().status, 200);
}

TEST_F(ServerTest, HeldUploads_LeaveThePoolFree) {
  Start();
  std::vector<Wire> uploads;
  for (int i = 0; i < 8; ++i) {
    uploads.push_back(Connect());
    uploads.back().Send("PUT /wait HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc");
  }
  gate_.AwaitWaiting(8);
  EXPECT_EQ(Ask(Get("/hello")).status, 200);
  gate_.Open();
  EXPECT_EQ(uploads[7].ReadAnswer().body, "3");
}

TEST_F(ServerTest, Followers_LeaveThePoolFreeAndAreBounded) {
  options_.followers_max = 6;
  Start();
  std::vector<Wire> followers;
  for (int i = 0; i < 6; ++i) {
    followers.push_back(Connect());
    followers.back().Send(Get("/follow"));
    EXPECT_TRUE(followers.back().ReadUntil("!"));
  }
  EXPECT_EQ(Ask(Get("/hello")).status, 200);
  EXPECT_EQ(Ask(Get("/follow")).status, 503);
  os::Stopwatch stopwatch;
  server_->Stop(milliseconds(20'000));
  EXPECT_LT(stopwatch.Elapsed(), milliseconds(10'000));
  EXPECT_EQ(cancelled_, 6);
  EXPECT_TRUE(followers[0].ReadToEnd().ends_with("1\r\n!\r\n0\r\n\r\n"));
}

TEST_F(ServerTest, FollowerWhoseClientIsGone_IsCancelled) {
  Start();
  Wire wire = Connect();
  wire.Send(Get("/follow"));
  EXPECT_TRUE(wire.ReadUntil("!"));
  wire.Reset();
  os::Stopwatch stopwatch;
  while (cancelled_ == 0 && stopwatch.Elapsed() < std::chrono::seconds(10)) {
  }
  EXPECT_EQ(cancelled_, 1);
}

TEST_F(ServerTest, Stop_FinishesWhatIsUnderWay) {
  Start();
  Wire idle = Connect(), busy = Connect();
  idle.Send(Get("/hello"));
  EXPECT_EQ(idle.ReadAnswer().status, 200);
  busy.Send(Get("/held"));
  gate_.AwaitWaiting(1);
  const int port = server_->port();
  os::Thread stopper("stop", [this] { server_->Stop(milliseconds(10'000)); });
  EXPECT_TRUE(idle.AtEnd());
  gate_.Open();
  Response response = busy.ReadAnswer();
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.HeaderOr("connection"), "close");
  EXPECT_TRUE(busy.AtEnd());
  stopper.Join();
  HttpServer again(router_, pool_, {.port = port});
  EXPECT_TRUE(again.Start());
}

TEST_F(ServerTest, Stop_CutsAtTheDeadline) {
  Start();
  Wire busy = Connect();
  busy.Send(Get("/held"));
  gate_.AwaitWaiting(1);
  server_->Stop(milliseconds(20));
  EXPECT_TRUE(busy.AtEnd());
}

TEST_F(ServerTest, ClientThatVanishes_ItsAnswerIsDroppedAndTheNextIsServed) {
  options_.requests_in_flight_max = 1;
  park_until_ = 99;
  Start();
  Wire wire = Connect();
  wire.Send(Get("/later/1"));
  AwaitParked();
  wire.Reset();
  // Its handler is still at work. This is read after the reset.
  EXPECT_EQ(Ask(Get("/hello")).status, 503);
  auto token = std::make_shared<int>();
  const std::weak_ptr<int> held = token;
  os::Thread thread("answer", [&] {
    Response response;
    response.stream = std::make_unique<Held>(std::move(token));
    parked_.front().second(std::move(response));
    parked_.clear();
  });
  thread.Join();
  EXPECT_EQ(Ask(Get("/hello")).status, 200);
  EXPECT_TRUE(held.expired());
}

TEST_F(ServerTest, LateAnswer_AfterTheServerIsGone_IsDropped) {
  park_until_ = 99;
  Start();
  Wire wire = Connect();
  wire.Send(Get("/later/1") + Get("/hello"));
  wire.Send(Get("/later/2"));
  AwaitParked();
  server_->Stop(milliseconds(10));
  server_.reset();
  AnswerParked();
}

TEST_F(ServerTest, PortInUse_IsAConflictThatNamesIt) {
  Start();
  HttpServer second(router_, pool_, {.port = server_->port()});
  auto started = second.Start();
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code, Code::kConflict);
  EXPECT_NE(started.error().message.find(std::to_string(server_->port())), std::string::npos);
}

}  // namespace
}  // namespace tatara::net
