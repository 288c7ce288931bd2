#include "api/native/reply.h"
#include "api/predict/elements.h"
#include "api/sagemaker/forms.h"
#include "api/sagemaker/sagemaker.h"
#include "api/sagemaker/truth.h"
#include "base/strings.h"

namespace tatara::api {
namespace {

using inference::RunOutput;
using inference::Tensor;
using net::Role;
using net::RouteKind;
using net::Verb;

// The names of the API's own errors, by status.
std::string ErrorTypeOf(int status) {
  if (status == 429) return "ModelNotReadyException";
  if (status == 503) return "ServiceUnavailable";
  return status >= 500 ? "InternalFailure" : "ValidationError";
}

// {"error", "code"} as everywhere, and what AWS's clients look for: the type in a header, the text
// as "message".
net::Response ErrorWithStatus(const Error& error, int status) {
  net::Response response = Reply(error);
  response.status = status;
  response.body =
      Json::Of(
          {{"error", error.message}, {"code", CodeName(error.code)}, {"message", error.message}})
          .Dump();
  response.headers.emplace_back("x-amzn-ErrorType", ErrorTypeOf(status));
  return response;
}

net::Response ErrorOf(const Error& error) {
  return ErrorWithStatus(error, net::HttpStatus(error.code));
}

// The part of an output that belongs to a row: a value, a list, or an object of class names.
void AppendRow(std::string& out, const Tensor& tensor, size_t row, size_t rows,
               const std::vector<std::string>* classes) {
  const size_t width = static_cast<size_t>(tensor.elements()) / rows;
  if (width == 1 && classes == nullptr) return AppendElement(out, tensor, row);
  out += classes != nullptr ? '{' : '[';
  for (size_t i = 0; i < width; ++i) {
    if (i > 0) out += ',';
    if (classes != nullptr) {
      AppendJsonString(out, i < classes->size() ? (*classes)[i] : std::to_string(i));
      out += ':';
    }
    AppendElement(out, tensor, row * width + i);
  }
  out += classes != nullptr ? '}' : ']';
}

// One prediction for each row; with several outputs an object of them by name, as MLflow does.
std::string PredictionsText(const serving::Version& version, const RunOutput& output, size_t rows) {
  std::string out;
  out.reserve(64 + rows * 16);
  out += "{\"predictions\":[";
  const auto& infos = version.model->outputs();
  const bool one = infos.size() == 1;
  for (size_t row = 0; row < rows; ++row) {
    if (row > 0) out += ',';
    if (!one) out += '{';
    for (size_t i = 0; i < infos.size(); ++i) {
      if (!one) {
        if (i > 0) out += ',';
        AppendJsonString(out, infos[i].name);
        out += ':';
      }
      AppendRow(out, output.outputs[i], row, rows, infos[i].class_map ? &output.classes : nullptr);
    }
    if (!one) out += '}';
  }
  return out + "]}";
}

// How many predictions an output holds: as many as there were rows, where every output has so many.
size_t PredictionCount(const RunOutput& output, int64_t rows) {
  for (const Tensor& tensor : output.outputs) {
    if (rows <= 0 || tensor.shape.empty() || tensor.shape[0] != rows) return 1;
  }
  return static_cast<size_t>(rows);
}

struct Predictions {
  net::Responder respond;
  std::shared_ptr<const serving::Version> version;  // shared as Version says
  std::string inference_id;
  int64_t rows;

  void operator()(Result<RunOutput> output) const {
    if (!output) return respond(ErrorOf(output.error()));
    net::Response response;
    response.body = rows == 0 ? "{\"predictions\":[]}"
                              : PredictionsText(*version, *output, PredictionCount(*output, rows));
    response.headers.reserve(3);
    response.headers.emplace_back("Content-Type", "application/json");
    response.headers.emplace_back("X-Amzn-SageMaker-Inference-Id", inference_id);
    response.headers.emplace_back("x-Amzn-Invoked-Production-Variant", version->name);
    respond(std::move(response));
  }
};

enum class Form { kJson, kCsv, kOther };

Form FormOf(const net::Request& request) {
  const std::string_view type = request.HeaderOr("content-type", "application/json");
  const std::string_view essence = Trim(type.substr(0, type.find(';')));
  if (EqualsIgnoreCase(essence, "application/json")) return Form::kJson;
  if (EqualsIgnoreCase(essence, "text/csv")) return Form::kCsv;
  return Form::kOther;
}

Status BeginInvoke(const PredictContext& context, const AskPtr& ask) {
  net::Request& request = ask->request;
  serving::Call call;
  call.endpoint = TRY(context.serving.Find(request.Path("endpoint")));
  call.version = TRY(call.endpoint->Pick());
  switch (FormOf(request)) {
    case Form::kJson:
      TRY(ReadJsonForm(request.body, call));
      break;
    case Form::kCsv:
      TRY(ReadCsvForm(request.body, call));
      break;
    case Form::kOther:
      ask->respond(ErrorWithStatus(
          {Code::kUnsupported, "the content type must be application/json or text/csv, not '" +
                                   std::string(request.HeaderOr("content-type")) + "'"},
          415));
      return {};
  }
  call.inference_id = TRY(InferenceIdOf(request));
  if (call.inference_id.empty()) call.inference_id = context.serving.NewInferenceId();
  call.event_time = ask->event_time;
  call.done = Predictions{ask->respond, call.version, call.inference_id, call.rows};
  if (call.rows == 0) {
    call.done(RunOutput{});
    return {};
  }
  context.serving.Submit(std::move(call));
  return {};
}

void Invoke(const PredictContext& context, const AskPtr& ask) {
  const Status begun = BeginInvoke(context, ask);
  if (!begun) ask->respond(ErrorOf(begun.error()));
}

// The disk is waited for on a work thread.
void TakeTruth(const PredictContext& context, const AskPtr& ask) {
  const auto work = [&context, ask] {
    const auto take = [&]() -> Result<Json> {
      const auto endpoint = TRY(context.serving.Find(ask->request.Path("endpoint")));
      const auto truths = TRY(ReadTruths(ask->request.body, ask->event_time));
      const auto counts = TRY(endpoint->capture().AppendTruths(truths, endpoint->counters()));
      return Json::Of(
          {{"accepted", counts.taken}, {"unknown", counts.unknown}, {"repeated", counts.repeated}});
    };
    const auto counts = take();
    ask->respond(counts ? Reply(*counts) : ErrorOf(counts.error()));
  };
  if (!context.pool.Post(work)) {
    ask->respond(ErrorOf({Code::kExhausted, "the server is busy; try again in a second"}));
  }
}

}  // namespace

std::vector<net::Route> SagemakerRoutes(PredictContext context) {
  const auto shared = std::make_shared<const PredictContext>(std::move(context));
  const auto served_by = [&shared](Serve serve) -> net::InlineHandler {
    return [shared, serve](net::Request&& request, net::Responder respond) {
      WhenAdmitted(*shared, std::move(request), std::move(respond), ErrorOf, serve);
    };
  };
  return {
      {Verb::kPost,
       "/endpoints/{endpoint}/invocations",
       Role::kViewer,
       RouteKind::kInline,
       {},
       served_by(Invoke),
       "Predict: dataframe_split, dataframe_records, instances, inputs or CSV."},
      {Verb::kPost,
       "/endpoints/{endpoint}/ground-truth",
       Role::kEditor,
       RouteKind::kInline,
       {},
       served_by(TakeTruth),
       "True values by inference id, as JSON lines; answers once they are durable."},
  };
}

}  // namespace tatara::api
