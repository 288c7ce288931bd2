#include "api/oip/oip.h"

#include "api/oip/infer_request.h"
#include "api/predict/elements.h"
#include "base/json.h"

namespace tatara::api {
namespace {

using inference::TensorInfo;
using net::Role;
using net::RouteKind;
using net::Verb;
using serving::Endpoint;
using serving::Version;

net::Response ErrorOf(const Error& error) {
  net::Response response =
      net::Response::Json(net::HttpStatus(error.code), Json::Of({{"error", error.message}}).Dump());
  if (response.status == 429 || response.status == 503) {
    response.headers.emplace_back("Retry-After", "1");
  }
  return response;
}

// The version that a path names, or the default.
std::string_view VersionIn(const net::Request& request) {
  for (const auto& [name, value] : request.path_parameters) {
    if (name == "version") return value;
  }
  return {};
}

struct Picked {
  std::shared_ptr<Endpoint> endpoint;      // shared with the table of endpoints
  std::shared_ptr<const Version> version;  // shared as Version says
};

Result<Picked> Pick(const PredictContext& context, const net::Request& request) {
  auto endpoint = TRY(context.serving.Find(request.Path("model")));
  auto version = TRY(endpoint->Pick(VersionIn(request)));
  return Picked{std::move(endpoint), std::move(version)};
}

void AppendShape(std::string& out, std::span<const int64_t> shape) {
  out += '[';
  for (size_t i = 0; i < shape.size(); ++i) {
    if (i > 0) out += ',';
    out += std::to_string(shape[i]);
  }
  out += ']';
}

void AppendInfos(std::string& out, const std::vector<TensorInfo>& infos) {
  out += '[';
  for (const TensorInfo& info : infos) {
    if (out.back() != '[') out += ',';
    out += "{\"name\":";
    AppendJsonString(out, info.name);
    out += ",\"datatype\":\"";
    out += inference::DataTypeName(info.type);
    out += "\",\"shape\":";
    AppendShape(out, info.shape);
    out += '}';
  }
  out += ']';
}

net::Response ServerMetadata() {
  return net::Response::Json(
      200, R"({"name":"tatara","version":")" TATARA_VERSION R"(","extensions":[]})");
}

net::Response Health() { return net::Response::Json(200, R"({"live":true,"ready":true})"); }

net::Response ModelMetadata(const PredictContext& context, const net::Request& request) {
  const auto picked = Pick(context, request);
  if (!picked) return ErrorOf(picked.error());
  Json::Array versions;
  for (const auto& version : picked->endpoint->live()->versions)
    versions.emplace_back(version->name);
  std::string body = "{\"name\":";
  AppendJsonString(body, picked->endpoint->name());
  body += ",\"versions\":" + Json(std::move(versions)).Dump();
  body += ",\"platform\":\"onnxruntime_onnx\",\"inputs\":";
  AppendInfos(body, picked->version->model->inputs());
  body += ",\"outputs\":";
  AppendInfos(body, picked->version->model->outputs());
  return net::Response::Json(200, body + "}");
}

net::Response ModelReady(const PredictContext& context, const net::Request& request) {
  const auto picked = Pick(context, request);
  if (!picked && picked.error().code != Code::kUnavailable) return ErrorOf(picked.error());
  Json body = Json::Of({{"name", request.Path("model")}, {"ready", picked.has_value()}});
  if (picked) return net::Response::Json(200, body.Dump());
  body.Set("error", picked.error().message);
  net::Response response = net::Response::Json(503, body.Dump());
  response.headers.emplace_back("Retry-After", "1");
  return response;
}

Status RefuseBinary(const net::Request& request) {
  const bool binary = !request.HeaderOr("inference-header-content-length").empty() ||
                      request.HeaderOr("content-type").starts_with("application/octet-stream");
  if (!binary) return {};
  return Unsupported(
      "the binary tensor extension is not in this version: send the tensors as JSON (tritonclient: "
      "set_data_from_numpy(..., binary_data=False))");
}

void AppendOutput(std::string& out, const TensorInfo& info, const inference::Tensor& tensor,
                  const std::vector<std::string>& classes) {
  out += "{\"name\":";
  AppendJsonString(out, info.name);
  out += ",\"datatype\":\"";
  out += inference::DataTypeName(tensor.type);
  out += "\",\"shape\":";
  AppendShape(out, tensor.shape);
  if (info.class_map) {
    out += ",\"parameters\":{\"classes\":";
    AppendJsonString(out, Json::Strings(classes).Dump());
    out += '}';
  }
  out += ",\"data\":[";
  const auto count = static_cast<size_t>(tensor.elements());
  for (size_t i = 0; i < count; ++i) {
    if (i > 0) out += ',';
    AppendElement(out, tensor, i);
  }
  out += "]}";
}

// What the answer needs of the request.
struct Reply {
  net::Responder respond;
  std::shared_ptr<const Version> version;  // shared as Version says
  std::string id;
  bool has_id = false;
  std::vector<size_t> outputs;

  void operator()(Result<inference::RunOutput> result) const {
    if (!result) return respond(ErrorOf(result.error()));
    std::string body;
    body.reserve(256);
    body += "{\"model_name\":";
    AppendJsonString(body, version->endpoint);
    body += ",\"model_version\":\"";
    body += version->name;
    body += '"';
    if (has_id) {
      body += ",\"id\":";
      AppendJsonString(body, id);
    }
    body += ",\"outputs\":[";
    const auto& infos = version->model->outputs();
    const size_t count = outputs.empty() ? infos.size() : outputs.size();
    for (size_t i = 0; i < count; ++i) {
      const size_t index = outputs.empty() ? i : outputs[i];
      if (i > 0) body += ',';
      AppendOutput(body, infos[index], result->outputs[index], result->classes);
    }
    body += "]}";
    respond(net::Response::Json(200, std::move(body)));
  }
};

Status BeginInfer(const PredictContext& context, const AskPtr& ask) {
  net::Request& request = ask->request;
  TRY(RefuseBinary(request));
  Picked picked = TRY(Pick(context, request));
  InferRequest read = TRY(ReadInferRequest(request.body, *picked.version->model));
  serving::Call call;
  call.version = picked.version;
  call.inputs = std::move(read.inputs);
  call.rows = RowsOf(*picked.version, call.inputs);
  SetCells(call, read.numbers);
  call.event_time = ask->event_time;
  call.inference_id = TRY(InferenceIdOf(request));
  if (call.inference_id.empty()) call.inference_id = read.id;
  if (call.inference_id.empty()) call.inference_id = context.serving.NewInferenceId();
  call.done = Reply{ask->respond, std::move(picked.version), std::move(read.id), read.has_id,
                    std::move(read.outputs)};
  call.endpoint = std::move(picked.endpoint);
  context.serving.Submit(std::move(call));
  return {};
}

void Infer(const PredictContext& context, const AskPtr& ask) {
  const Status begun = BeginInfer(context, ask);
  if (!begun) ask->respond(ErrorOf(begun.error()));
}

net::Route GetRoute(std::string pattern, net::Handler handler, std::string help) {
  return {Verb::kGet, std::move(pattern), Role::kViewer, RouteKind::kBuffered, std::move(handler),
          {},         std::move(help)};
}

}  // namespace

std::vector<net::Route> OipRoutes(PredictContext context) {
  const auto shared = std::make_shared<const PredictContext>(std::move(context));
  const auto metadata = [shared](net::Request& r) { return ModelMetadata(*shared, r); };
  const auto ready = [shared](net::Request& r) { return ModelReady(*shared, r); };
  const auto infer = [shared](net::Request&& request, net::Responder respond) {
    WhenAdmitted(*shared, std::move(request), std::move(respond), ErrorOf, Infer);
  };
  const auto infer_route = [&](std::string pattern, std::string help) {
    return net::Route{Verb::kPost, std::move(pattern), Role::kViewer, RouteKind::kInline, {},
                      infer,       std::move(help)};
  };
  const std::string model = "/v2/models/{model}", version = model + "/versions/{version}";
  return {
      GetRoute(
          "/v2", [](net::Request&) { return ServerMetadata(); }, "The server's name."),
      GetRoute(
          "/v2/health/live", [](net::Request&) { return Health(); }, "The server answers."),
      GetRoute(
          "/v2/health/ready", [](net::Request&) { return Health(); }, "The server is ready."),
      GetRoute(model, metadata, "An endpoint's versions, inputs and outputs."),
      GetRoute(version, metadata, "A version's inputs and outputs."),
      GetRoute(model + "/ready", ready, "Whether an endpoint can answer: 200 or 503."),
      GetRoute(version + "/ready", ready, "Whether a version can answer."),
      infer_route(model + "/infer", "Predict with the endpoint's default version (JSON tensors)."),
      infer_route(version + "/infer", "Predict with one version."),
  };
}

}  // namespace tatara::api
