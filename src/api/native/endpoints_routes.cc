#include "api/native/endpoints_routes.h"

#include "api/native/reply.h"
#include "os/random.h"

namespace tatara::api {
namespace {

using net::Role;
using net::RouteKind;
using net::Verb;

constexpr size_t kPieceBytes = 256 * 1024;

Json ToJson(const serving::Deployed& deployed) {
  return Json::Of({{"endpoint", deployed.endpoint},
                   {"model", deployed.uri},
                   {"version", deployed.version},
                   {"event", deployed.event.value}});
}

Result<serving::Serving*> Server(const EndpointsContext& context) {
  if (context.serving != nullptr) return context.serving;
  return Unavailable("this home was opened for reading; endpoints answer while `tatara up` runs");
}

Result<Json> ListEndpoints(const EndpointsContext& context, net::Request&) {
  const auto found = context.serving != nullptr
                         ? TRY(context.serving->List())
                         : TRY(context.database.Read(serving::Serving::ListRows));
  Json::Array list;
  for (const auto& status : found) list.push_back(serving::ToJson(status));
  return Json::Of({{"endpoints", std::move(list)}});
}

Result<Json> Deploy(const EndpointsContext& context, net::Request& request) {
  const Json body = TRY(BodyObject(request));
  serving::DeployRequest wanted;
  wanted.endpoint = TRY(body.GetString("endpoint"));
  wanted.uri = TRY(body.GetString("uri"));
  serving::Serving* serving = TRY(Server(context));
  return ToJson(TRY(serving->Deploy(wanted)));
}

// The body is the ONNX file; ?name=F says what it is called.
Result<Json> DeployFile(const EndpointsContext& context, net::Request& request) {
  serving::Serving* serving = TRY(Server(context));
  serving::DeployRequest wanted;
  wanted.endpoint = request.Path("endpoint");
  wanted.uri = request.QueryOr("name", "model.onnx");
  TRY(serving::CheckEndpointName(wanted.endpoint));
  wanted.path = "endpoints/" + wanted.endpoint + "/" + os::NewId(os::RealClock().Now()) + ".onnx";
  auto writer = TRY(context.artifacts.Put(wanted.path));
  std::string piece(kPieceBytes, '\0');
  for (;;) {
    const size_t got = TRY(request.stream->Read(piece));
    if (got == 0) break;
    TRY(writer->Write(std::string_view(piece).substr(0, got)));
  }
  TRY(writer->Commit());
  auto deployed = serving->Deploy(wanted);
  if (deployed) return ToJson(*deployed);
  (void)context.artifacts.Delete(wanted.path);
  return std::unexpected(deployed.error());
}

Result<Json> FlushCapture(const EndpointsContext& context, net::Request&) {
  if (context.serving != nullptr) TRY(context.serving->FlushCapture());
  return Json::MakeObject();
}

}  // namespace

std::vector<net::Route> EndpointsRoutes(EndpointsContext context) {
  const auto with = [&](auto function) {
    return Answer([context, function](net::Request& r) { return function(context, r); });
  };
  return {
      {Verb::kGet,
       "/api/v1/endpoints",
       Role::kViewer,
       RouteKind::kBuffered,
       with(ListEndpoints),
       {},
       "All endpoints: state, versions, what they follow."},
      {Verb::kPost,
       "/api/v1/deploy",
       Role::kEditor,
       RouteKind::kBuffered,
       with(Deploy),
       {},
       "Deploy {uri, endpoint}: models:/NAME/N or models:/NAME@ALIAS; answers once it is live."},
      {Verb::kPost,
       "/api/v1/endpoints/{endpoint}/file",
       Role::kEditor,
       RouteKind::kStreamed,
       with(DeployFile),
       {},
       "Deploy the ONNX file in the body as the endpoint's next version (?name=F)."},
      {Verb::kPost,
       "/api/v1/capture/flush",
       Role::kViewer,
       RouteKind::kBuffered,
       with(FlushCapture),
       {},
       "Write all captured rows to the disk, so that SQL sees them."},
  };
}

}  // namespace tatara::api
