// What the dialects of prediction share: who is behind them, and when a request may be served.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "control/control.h"
#include "net/router.h"
#include "os/os.h"
#include "serving/serving.h"

namespace tatara::api {

// Who is behind the routes; all outlive them.
struct PredictContext {
  serving::Serving& serving;
  control::Barrier& barrier;
  const os::Clock& clock;
  os::WorkPool& pool;
  std::function<void(std::function<void()>)> on_net_thread;  // net::HttpServer::AfterWakeUp
};

// A request that has been admitted, and the one answer to it.
struct Ask {
  net::Request request;
  net::Responder respond;
  Time event_time{};
};
// Shared by the steps that a request takes when it must wait; small.
using AskPtr = std::shared_ptr<Ask>;

// Bytes of an inference id, as SageMaker has it.
inline constexpr size_t kInferenceIdMax = 1024;
// The id that the caller's X-Amzn-SageMaker-Inference-Id gives; empty when it gives none.
Result<std::string> InferenceIdOf(const net::Request& request);

// Writes an error in the dialect's form.
using ErrorReply = net::Response (*)(const Error&);
// Serves an admitted request. Plain functions: a std::function costs an allocation for each
// request.
using Serve = void (*)(const PredictContext&, const AskPtr&);

// Calls `serve` once the clock has come to the request's X-Event-Time (arrival, when it has none):
// at once and on this thread where nothing is in the way; on the net thread after a wait; on a work
// thread when the body is so large that decoding it would hold up the others. What cannot be served
// is answered here: a bad time with kInvalid, a full queue with kExhausted, a server that stops
// with kUnavailable. Call it on the net thread.
void WhenAdmitted(const PredictContext& context, net::Request&& request, net::Responder respond,
                  ErrorReply reply, Serve serve);

}  // namespace tatara::api
