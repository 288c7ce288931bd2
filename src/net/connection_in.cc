#include <algorithm>

#include "base/log.h"
#include "net/answer.h"
#include "net/connection.h"

namespace tatara::net {
namespace {

constexpr size_t kPipelinedMax = 64;         // requests under way on one connection
constexpr size_t kSkipMax = 64 * 1024;       // of an unwanted body, to keep the connection
constexpr size_t kReserveMax = 1024 * 1024;  // for a body, on the word of its Content-Length
constexpr size_t kPieceMax = 64 * 1024;

Response CallHandler(const Route& route, Request& request) {
  try {
    return route.handler(request);
  } catch (const std::exception& error) {
    Log::Error("net", "the handler of " + std::string(VerbName(route.verb)) + " " + route.pattern +
                          " threw: " + error.what());
  } catch (...) {
    Log::Error("net", "the handler of " + route.pattern + " threw something unknown");
  }
  return ErrorResponse(500, "internal error");
}

std::unique_ptr<Response> CallGuard(const HttpServer::Guard& guard, Request& request,
                                    const Route& route) {
  if (!guard) return nullptr;
  try {
    return guard(request, route);
  } catch (const std::exception& error) {
    Log::Error("net", "the guard of " + route.pattern + " threw: " + error.what());
    return std::make_unique<Response>(ErrorResponse(500, "internal error"));
  }
}

HeadLimits LimitsOf(const ServerOptions& options) {
  return {options.head_max, std::min<size_t>(16 * 1024, options.head_max), options.headers_max};
}

}  // namespace

bool Connection::TakeInput() {
  bool moved = false;
  for (bool more = true; more && !closed_; moved = moved || more) {
    switch (phase_) {
      case Phase::kHead:
        more = TakeHead();
        break;
      case Phase::kBody:
        more = pipe_ ? TakeStreamedBody() : TakeBody();
        break;
      case Phase::kSkip:
        more = SkipBody();
        break;
      case Phase::kStop:
        linger_left_ -= std::min(linger_left_, in_end_ - in_begin_);
        in_begin_ = in_end_ = 0;
        if (lingering_ && linger_left_ == 0) Close();
        more = false;
        break;
    }
  }
  return moved;
}

bool Connection::MayBeginRequest() const {
  return threaded_ == 0 && exchanges_.size() < kPipelinedMax;
}

bool Connection::TakeHead() {
  if (!MayBeginRequest()) return false;
  const std::string_view input = Input();
  if (input.empty()) {
    if (peer_closed_) StopReading();
    return false;
  }
  const HeadLimits limits = LimitsOf(core_.options);
  const HeadScanner::State state = scanner_.Scan(input, limits);
  if (state == HeadScanner::State::kMore) {
    if (peer_closed_) RefuseRequest({400, "the request is cut off"});
    return peer_closed_;
  }
  if (state == HeadScanner::State::kBad) {
    RefuseRequest(scanner_.refusal());
    return true;
  }
  auto head = ParseHead(input.substr(0, scanner_.end()), limits);
  in_begin_ += scanner_.end();
  scanner_.Reset();
  if (!head) {
    RefuseRequest(head.error());
    return true;
  }
  phase_since_ = core_.now;
  body_bytes_ = 0;
  BeginRequest(*std::move(head));
  return true;
}

// Of a head that cannot be understood, so neither can what follows.
void Connection::RefuseRequest(const Refusal& refusal) {
  Head head;
  head.keep_alive = false;
  Exchange& exchange = AddExchange(head);
  exchange.ready = true;
  exchange.response = ErrorResponse(refusal.status, refusal.message);
  StopReading();
}

void Connection::BeginRequest(Head&& head) {
  head.request.peer = peer_;
  Router::Match match = core_.router.Find(head.request.verb, head.request.path);
  head.request.path_parameters = std::move(match.parameters);
  if (auto refused = EarlyAnswer(head, match)) return BeginRefused(head, *std::move(refused));
  BeginAdmitted(std::move(head), *match.route);
}

// The answer to a request that needs neither its body nor a handler.
std::optional<Response> Connection::EarlyAnswer(Head& head, const Router::Match& match) {
  Request& request = head.request;
  if (!match.route) {
    const bool asks = request.verb == Verb::kOptions;
    if (!asks || (match.allowed.empty() && request.path != "*")) {
      return Router::NotFoundResponse(match, request.verb, request.path);
    }
    Response response;
    response.status = 204;
    std::string allow = "OPTIONS";
    for (const std::string& verb : match.allowed) allow += ", " + verb;
    response.headers.emplace_back("Allow", std::move(allow));
    return response;
  }
  if (std::unique_ptr<Response> refused = CallGuard(core_.guard, request, *match.route)) {
    return std::move(*refused);
  }
  const bool streamed = match.route->kind == RouteKind::kStreamed;
  const int64_t body_max = streamed ? core_.options.stream_max : core_.options.body_max;
  if (head.content_length > body_max) {
    return ErrorResponse(413, "the body is larger than " + std::to_string(body_max) + " bytes");
  }
  if (core_.in_flight >= core_.options.requests_in_flight_max) {
    return ErrorResponse(503, "too many requests are under way; try again");
  }
  return std::nullopt;
}

void Connection::BeginRefused(const Head& head, Response response) {
  Exchange& exchange = AddExchange(head);
  exchange.ready = true;
  exchange.response = std::move(response);
  if (!head.HasBody()) {
    if (!exchange.keep_alive) StopReading();
    return;
  }
  // A small body is read over so that the connection can go on.
  if (head.expect_continue || head.content_length > static_cast<int64_t>(kSkipMax)) {
    exchange.keep_alive = false;
    return StopReading();
  }
  decoder_.emplace(Head{.content_length = head.content_length, .chunked = head.chunked}, kSkipMax);
  phase_ = Phase::kSkip;
}

void Connection::BeginAdmitted(Head&& head, const Route& route) {
  Exchange& exchange = AddExchange(head);
  ++core_.in_flight;
  exchange.threaded = route.kind != RouteKind::kInline;
  if (exchange.threaded) ++threaded_;
  const bool keep_alive = exchange.keep_alive;
  const bool has_body = head.HasBody();
  exchange.continue_wanted = head.expect_continue && has_body && in_begin_ == in_end_;
  if (route.kind == RouteKind::kStreamed) {
    auto on_room = [inbox = core_.inbox, id = id_] {
      inbox->Post(id, [](Connection* connection) { connection->Changed(); });
    };
    pipe_ = std::make_shared<BodyPipe>(std::move(on_room));
    const bool plain = !head.chunked && head.packing == Packing::kNone;
    head.request.content_length = plain ? head.content_length : -1;
    head.request.stream = std::make_unique<PipeSource>(pipe_);
    decoder_.emplace(head, core_.options.stream_max);
    phase_ = Phase::kBody;
    return Dispatch(std::move(head.request), route);
  }
  if (!has_body) {
    if (!keep_alive) StopReading();
    return Dispatch(std::move(head.request), route);
  }
  decoder_.emplace(head, core_.options.body_max);
  current_ = std::move(head.request);
  current_route_ = &route;
  const auto length = static_cast<size_t>(std::max<int64_t>(head.content_length, 0));
  current_.body.reserve(std::min(length, kReserveMax) + kBodySpare);
  phase_ = Phase::kBody;
}

bool Connection::TakeBody() {
  std::string_view input = Input();
  const size_t before = input.size();
  const size_t body_before = current_.body.size();
  const BodyDecoder::State state = decoder_->Feed(input, current_.body, SIZE_MAX);
  in_begin_ += before - input.size();
  if (state == BodyDecoder::State::kBad) {
    BodyFailed(decoder_->refusal());
    return true;
  }
  HoldBody(exchanges_.back(), current_.body.size() - body_before);
  if (core_.bodies > core_.options.bodies_max) {
    BodyFailed({503, "the bodies under way need too much memory; try again"});
    return true;
  }
  if (state != BodyDecoder::State::kDone) {
    if (peer_closed_) BodyFailed({400, "the body of the request is cut off"});
    return peer_closed_;
  }
  decoder_.reset();
  phase_ = Phase::kHead;
  phase_since_ = core_.now;
  const Route& route = *current_route_;
  if (!exchanges_.back().keep_alive) StopReading();
  Dispatch(std::move(current_), route);
  current_ = Request();
  return true;
}

bool Connection::TakeStreamedBody() {
  const size_t room = std::min(pipe_->Room(), kPieceMax);
  if (room == 0) return false;
  std::string_view input = Input();
  const size_t before = input.size();
  scratch_.clear();
  const BodyDecoder::State state = decoder_->Feed(input, scratch_, room);
  in_begin_ += before - input.size();
  if (!scratch_.empty()) pipe_->Write(std::exchange(scratch_, {}));
  switch (state) {
    case BodyDecoder::State::kBad:
      BodyFailed(decoder_->refusal());
      return true;
    case BodyDecoder::State::kFull:
      return true;
    case BodyDecoder::State::kMore:
      if (peer_closed_) BodyFailed({400, "the body of the request is cut off"});
      return peer_closed_;
    case BodyDecoder::State::kDone:
      break;
  }
  pipe_->End();
  pipe_.reset();
  decoder_.reset();
  scratch_ = std::string();
  phase_ = Phase::kHead;
  phase_since_ = core_.now;
  if (!exchanges_.back().keep_alive) StopReading();
  return true;
}

bool Connection::SkipBody() {
  std::string_view input = Input();
  const size_t before = input.size();
  scratch_.clear();
  const BodyDecoder::State state = decoder_->Feed(input, scratch_, SIZE_MAX);
  in_begin_ += before - input.size();
  if (state == BodyDecoder::State::kMore && !peer_closed_) return false;
  const bool keep = state == BodyDecoder::State::kDone && !core_.draining &&
                    (exchanges_.empty() || exchanges_.back().keep_alive);
  decoder_.reset();
  phase_ = Phase::kHead;
  phase_since_ = core_.now;
  if (!keep) {
    if (!exchanges_.empty()) exchanges_.back().keep_alive = false;
    StopReading();
  }
  return true;
}

// The body of the last exchange is broken, too large, too slow or cut off.
void Connection::BodyFailed(const Refusal& refusal) {
  Exchange& exchange = exchanges_.back();
  exchange.keep_alive = false;
  Response response = ErrorResponse(refusal.status, refusal.message);
  if (pipe_) {
    exchange.forced = std::move(response);
    pipe_->Fail({Code::kInvalid, refusal.message});
  } else {
    --core_.in_flight;
    ReleaseBody(exchange);
    exchange.ready = true;
    exchange.response = std::move(response);
    current_ = Request();
  }
  StopReading();
}

// The handler of a streamed request has answered although its body has not all come.
void Connection::HandlerDoneEarly() {
  pipe_.reset();
  const int64_t left = decoder_->wire_left();
  if (left > static_cast<int64_t>(kSkipMax) || exchanges_.back().continue_wanted) {
    exchanges_.back().keep_alive = false;
    return StopReading();
  }
  decoder_->StartSkipping(kSkipMax);
  phase_ = Phase::kSkip;
}

void Connection::Dispatch(Request&& request, const Route& route) {
  if (route.kind == RouteKind::kInline) {
    DispatchInline(std::move(request), route);
  } else {
    DispatchThreaded(std::move(request), route);
  }
}

void Connection::DispatchInline(Request&& request, const Route& route) {
  Responder responder(
      [inbox = core_.inbox, connection = id_, exchange = exchanges_.back().id](Response response) {
        inbox->Answer(connection, exchange, std::move(response));
      });
  try {
    route.inline_handler(std::move(request), std::move(responder));
  } catch (const std::exception& error) {
    // The responder fell with the call, which sends the 500.
    Log::Error("net", "the inline handler of " + route.pattern + " threw: " + error.what());
  } catch (...) {
    Log::Error("net", "the inline handler of " + route.pattern + " threw something unknown");
  }
}

void Connection::DispatchThreaded(Request&& request, const Route& route) {
  const uint64_t exchange = exchanges_.back().id;
  os::WorkPool& pool = route.kind == RouteKind::kStreamed ? core_.Uploads() : core_.pool;
  // Shared because std::function must be copyable; there is only one copy.
  auto held = std::make_shared<Request>(std::move(request));
  const bool posted = pool.Post([inbox = core_.inbox, connection = id_, exchange, held, &route] {
    Response response = CallHandler(route, *held);
    inbox->Answer(connection, exchange, std::move(response));
    held->stream.reset();
  });
  if (!posted) {
    --core_.in_flight;
    Answer(exchange, ErrorResponse(503, "all threads are busy; try again"));
  }
}

void Connection::StopReading() {
  phase_ = Phase::kStop;
  in_begin_ = in_end_ = 0;
  decoder_.reset();
  pipe_.reset();
  current_route_ = nullptr;
}

}  // namespace tatara::net
