#include "api/native/events_routes.h"

#include <algorithm>
#include <atomic>

#include "api/native/reply.h"
#include "base/strings.h"
#include "events/events.h"
#include "os/threads.h"

namespace tatara::api {
namespace {

using net::Role;
using net::RouteKind;
using net::Verb;

Result<events::EventFilter> FilterOf(const net::Request& request) {
  events::EventFilter filter;
  filter.source = request.QueryOr("source");
  filter.subject = request.QueryOr("subject");
  filter.limit = TRY(LimitOf(request));
  const std::string after = request.QueryOr("after", "0");
  if (!ParseInt(after, filter.after)) return Invalid("?after=" + after + " is no position");
  return filter;
}

Json WithPosition(const events::Event& event) {
  Json out = events::ToJson(event);
  out.Set("position", event.position);
  return out;
}

// Events as JSON lines as they come.
class EventStream : public net::ByteSource {
 public:
  EventStream(EventsContext context, events::EventFilter filter)
      : context_(context), filter_(std::move(filter)) {
    filter_.limit = 500;
  }

  bool MayWait() const override { return true; }
  void Cancel() override { cancelled_ = true; }

  Result<size_t> Read(std::span<char> buffer) override {
    while (pending_.empty()) {
      if (cancelled_) return 0;
      const auto found = TRY(context_.database.Read(
          [&](db::Reader& reader) { return events::List(reader, filter_); }));
      for (const events::Event& event : found) {
        pending_ += WithPosition(event).Dump() + "\n";
        filter_.after = event.position;
      }
      if (found.empty()) os::SleepFor(std::chrono::milliseconds(100));
    }
    const size_t count = std::min(buffer.size(), pending_.size());
    std::copy_n(pending_.begin(), count, buffer.begin());
    pending_.erase(0, count);
    return count;
  }

 private:
  EventsContext context_;
  events::EventFilter filter_;
  std::string pending_;
  std::atomic<bool> cancelled_ = false;
};

// The newest ?limit=N in the order in which they happened; all without it.
Result<Json> ListEvents(const EventsContext& context, net::Request& request) {
  events::EventFilter filter = TRY(FilterOf(request));
  filter.newest_first = filter.limit > 0 && filter.after == 0;
  auto found =
      TRY(context.database.Read([&](db::Reader& reader) { return events::List(reader, filter); }));
  if (filter.newest_first) std::ranges::reverse(found);
  Json::Array list;
  for (const events::Event& event : found) list.push_back(WithPosition(event));
  return Json::Of({{"events", std::move(list)}});
}

net::Response GetEvents(const EventsContext& context, net::Request& request) {
  if (request.QueryOr("follow") != "true") return Reply(ListEvents(context, request));
  auto filter = FilterOf(request);
  if (!filter) return Reply(filter.error());
  net::Response response;
  response.headers.emplace_back("Content-Type", "application/jsonlines");
  response.stream = std::make_unique<EventStream>(context, *std::move(filter));
  return response;
}

Result<Json> ListRules(const EventsContext& context, net::Request&) {
  const auto found =
      TRY(context.database.Read([](db::Reader& reader) { return events::Rules::List(reader); }));
  Json::Array list;
  for (const events::RuleStatus& rule : found) list.push_back(events::ToJson(rule));
  return Json::Of({{"rules", std::move(list)}});
}

Result<Json> ListDeliveries(const EventsContext& context, net::Request& request) {
  const std::string rule = request.QueryOr("rule");
  const int64_t limit = TRY(LimitOf(request));
  using Rows = std::vector<events::DeliveryRow>;
  const auto found = TRY(context.database.Read([&](db::Reader& reader) -> Result<Rows> {
    Rows rows = TRY(events::Rules::Deliveries(reader, rule, limit));
    if (rule.empty() || !rows.empty()) return rows;
    const auto rules = TRY(events::Rules::List(reader));
    const auto named = [&](const events::RuleStatus& status) { return status.spec.name == rule; };
    if (std::ranges::none_of(rules, named)) return NotFound("no rule '" + rule + "'");
    return rows;
  }));
  Json::Array list;
  for (const events::DeliveryRow& row : found) list.push_back(events::ToJson(row));
  return Json::Of({{"deliveries", std::move(list)}});
}

}  // namespace

std::vector<net::Route> EventsRoutes(EventsContext context) {
  const auto with = [&](auto function) {
    return Answer([context, function](net::Request& r) { return function(context, r); });
  };
  const auto events = [context](net::Request& r) { return GetEvents(context, r); };
  return {
      {Verb::kGet,
       "/api/v1/events",
       Role::kViewer,
       RouteKind::kBuffered,
       events,
       {},
       "Events in order: ?source, ?subject, ?after=POSITION, ?limit=N newest; ?follow=true streams "
       "JSON lines."},
      {Verb::kGet,
       "/api/v1/rules",
       Role::kViewer,
       RouteKind::kBuffered,
       with(ListRules),
       {},
       "All rules with their next times and limits."},
      {Verb::kGet,
       "/api/v1/deliveries",
       Role::kViewer,
       RouteKind::kBuffered,
       with(ListDeliveries),
       {},
       "What rules did, newest first: ?rule, ?limit."},
  };
}

}  // namespace tatara::api
