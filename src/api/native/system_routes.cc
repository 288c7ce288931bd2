#include "api/native/system_routes.h"

#include <algorithm>

#include "api/native/reply.h"
#include "os/process.h"

namespace tatara::api {
namespace {

using net::Role;
using net::RouteKind;
using net::Verb;

std::string_view RoleName(Role role) {
  switch (role) {
    case Role::kAnyone:
      return "anyone";
    case Role::kViewer:
      return "viewer";
    case Role::kEditor:
      return "editor";
    case Role::kAdmin:
      return "admin";
  }
  return "";
}

Json StatusOf(const SystemContext& context) {
  return Json::Of({{"version", TATARA_VERSION},
                   {"pid", os::ProcessId()},
                   {"home", context.home},
                   {"command", context.command},
                   {"time", FormatTime(context.clock.Now())},
                   {"replay", context.replay}});
}

Json ClockOf(const SystemContext& context) {
  return Json::Of({{"time", FormatTime(context.clock.Now())}, {"replay", context.replay}});
}

Json RoutesOf(const SystemContext& context) {
  Json::Array list;
  for (const net::Route& route : context.router.routes()) {
    list.push_back(Json::Of({{"verb", net::VerbName(route.verb)},
                             {"path", route.pattern},
                             {"role", RoleName(route.role)},
                             {"help", route.help}}));
  }
  return Json::Of({{"routes", std::move(list)}});
}

// Answers when everything due by then is done, so a client may wait long.
void AdvanceClock(const SystemContext& context, net::Request request, net::Responder respond) {
  if (!context.replay) {
    return respond(Reply(Error{Code::kConflict,
                               "this home runs on real time; `tatara up --replay-from` makes a "
                               "clock that can be moved"}));
  }
  auto time = [&]() -> Result<Time> {
    return ParseTime(TRY(TRY(BodyObject(request)).GetString("time")));
  }();
  if (!time) return respond(Reply(time.error()));
  if (*time < context.clock.Now()) {
    return respond(
        Reply(Error{Code::kConflict, "the clock stands at " + FormatTime(context.clock.Now()) +
                                         " and never goes back"}));
  }
  context.control.AdvanceThrough(*time, [context, respond](bool done) {
    if (done) return respond(Reply(ClockOf(context)));
    respond(Reply(Error{Code::kUnavailable, "the server is ending"}));
  });
}

}  // namespace

std::vector<net::Route> SystemRoutes(SystemContext context) {
  const auto show = [&](auto function) {
    return Answer([context, function](net::Request&) -> Result<Json> { return function(context); });
  };
  const auto stop = Answer([context](net::Request&) -> Result<Json> {
    context.request_stop();
    return Json::Of({{"stopping", true}});
  });
  const auto cancel = Answer([context](net::Request&) -> Result<Json> {
    return Json::Of({{"cancelled", TRY(context.cancel_all())}});
  });
  const auto advance = [context](net::Request request, net::Responder respond) {
    AdvanceClock(context, std::move(request), std::move(respond));
  };
  return {
      {Verb::kGet,
       "/api/v1/status",
       Role::kViewer,
       RouteKind::kBuffered,
       show(StatusOf),
       {},
       "What runs here."},
      {Verb::kPost,
       "/api/v1/stop",
       Role::kAdmin,
       RouteKind::kBuffered,
       stop,
       {},
       "End the server; jobs go on."},
      {Verb::kPost,
       "/api/v1/cancel-all",
       Role::kAdmin,
       RouteKind::kBuffered,
       cancel,
       {},
       "Cancel all jobs and pipeline runs."},
      {Verb::kGet,
       "/api/v1/clock",
       Role::kViewer,
       RouteKind::kBuffered,
       show(ClockOf),
       {},
       "The home's clock."},
      {Verb::kPost,
       "/api/v1/clock",
       Role::kEditor,
       RouteKind::kInline,
       {},
       advance,
       "Move a replay clock to {time}; answers when all that is due by then is done."},
      {Verb::kGet,
       "/api/v1/routes",
       Role::kViewer,
       RouteKind::kBuffered,
       show(RoutesOf),
       {},
       "All routes, from the tables that serve them."},
  };
}

}  // namespace tatara::api
