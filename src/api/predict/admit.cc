#include <thread>

#include "api/predict/predict.h"

namespace tatara::api {
namespace {

// A body of this size takes about a millisecond to decode.
constexpr size_t kLargeBody = 512 * 1024;

void Begin(const PredictContext& context, const AskPtr& ask, ErrorReply reply, Serve serve) {
  if (ask->request.body.size() <= kLargeBody) return serve(context, ask);
  if (!context.pool.Post([&context, ask, serve] { serve(context, ask); })) {
    ask->respond(reply({Code::kExhausted, "the server is busy; try again in a second"}));
  }
}

}  // namespace

void WhenAdmitted(const PredictContext& context, net::Request&& request, net::Responder respond,
                  ErrorReply reply, Serve serve) {
  auto ask = std::make_shared<Ask>(std::move(request), std::move(respond));
  if (Status load = context.serving.CheckLoad(); !load) return ask->respond(reply(load.error()));
  const std::string_view text = ask->request.HeaderOr("x-event-time");
  if (text.empty()) {
    ask->event_time = context.clock.Now();
    return Begin(context, ask, reply, serve);
  }
  const auto time = ParseTime(text);
  if (!time) {
    return ask->respond(reply(Prefixed("X-Event-Time", time.error())));
  }
  ask->event_time = *time;
  const auto here = std::this_thread::get_id();
  context.barrier.Admit(*time, [&context, ask, reply, serve, here](bool go) {
    if (!go) {
      ask->respond(reply({Code::kUnavailable, "the server is stopping; try again"}));
    } else if (std::this_thread::get_id() == here) {
      Begin(context, ask, reply, serve);
    } else {
      context.on_net_thread([&context, ask, reply, serve] { Begin(context, ask, reply, serve); });
    }
  });
}

Result<std::string> InferenceIdOf(const net::Request& request) {
  const std::string_view id = request.HeaderOr("x-amzn-sagemaker-inference-id");
  if (id.size() <= kInferenceIdMax) return std::string(id);
  return Invalid("X-Amzn-SageMaker-Inference-Id has more than " + std::to_string(kInferenceIdMax) +
                 " bytes");
}

}  // namespace tatara::api
