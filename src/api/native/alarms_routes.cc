#include "api/native/alarms_routes.h"

#include "api/native/reply.h"
#include "base/strings.h"
#include "telemetry/telemetry.h"

namespace tatara::api {
namespace {

using net::Role;
using net::RouteKind;
using net::Verb;

Result<Json> ListAlarms(const AlarmsContext& context, net::Request&) {
  const auto found = TRY(
      context.database.Read([](db::Reader& reader) { return telemetry::Alarms::List(reader); }));
  Json::Array list;
  for (const telemetry::AlarmStatus& alarm : found) list.push_back(telemetry::ToJson(alarm));
  return Json::Of({{"alarms", std::move(list)}});
}

Result<Json> PointsJson(db::Reader& reader, const telemetry::Series& series, Time from, Time to) {
  Json::Array points;
  for (const auto& point : TRY(telemetry::ListPoints(reader, series.number, from, to))) {
    points.push_back(Json::Of({{"time", FormatTime(point.time)},
                               {"value", point.samples.sum / point.samples.count},
                               {"count", point.samples.count},
                               {"arrives", FormatTime(point.arrives)}}));
  }
  Json dimensions = Json::MakeObject();
  for (const auto& [name, value] : series.dimensions) dimensions.Set(name, value);
  return Json::Of({{"metric", series.metric},
                   {"dimensions", std::move(dimensions)},
                   {"points", std::move(points)}});
}

// ?metric, ?from, ?to; any other parameter is a dimension that must be there.
Result<Json> ListPoints(const AlarmsContext& context, net::Request& request) {
  telemetry::SeriesFilter filter;
  Time from = Time::min(), to = Time::max();
  for (const auto& [name, value] : request.Query()) {
    if (name == "metric") {
      filter.metric = value;
    } else if (name == "from") {
      from = TRY(ParseTime(value));
    } else if (name == "to") {
      to = TRY(ParseTime(value));
    } else {
      filter.dimensions[name] = value;
    }
  }
  return context.database.Read([&](db::Reader& reader) -> Result<Json> {
    Json::Array list;
    for (const telemetry::Series& series : TRY(telemetry::ListSeries(reader, filter))) {
      list.push_back(TRY(PointsJson(reader, series, from, to)));
    }
    return Json::Of({{"series", std::move(list)}});
  });
}

}  // namespace

std::vector<net::Route> AlarmsRoutes(AlarmsContext context) {
  const auto with = [&](auto function) {
    return Answer([context, function](net::Request& r) { return function(context, r); });
  };
  return {
      {Verb::kGet,
       "/api/v1/alarms",
       Role::kViewer,
       RouteKind::kBuffered,
       with(ListAlarms),
       {},
       "All alarms with their states."},
      {Verb::kGet,
       "/api/v1/series",
       Role::kViewer,
       RouteKind::kBuffered,
       with(ListPoints),
       {},
       "Time series with their points: ?metric, ?from, ?to, and dimensions by name."},
  };
}

}  // namespace tatara::api
