#include "events/log.h"

#include "os/random.h"

namespace tatara::events {
namespace {

constexpr std::string_view kColumns =
    "id, position, time, source, type, subject, detail, cause, hops";

Event FromRow(const db::Row& row) {
  Event event;
  event.id = EventId(row.Text(0));
  event.position = row.Int(1);
  event.time = row.At(2);
  event.source = row.Text(3);
  event.type = row.Text(4);
  event.subject = row.Text(5);
  if (auto detail = ParseJson(row.View(6))) event.detail = *std::move(detail);
  event.cause = EventId(row.Text(7));
  event.hops = static_cast<int>(row.Int(8));
  return event;
}

}  // namespace

Result<Event> Append(db::Tx& tx, NewEvent event) {
  Event out;
  out.id = EventId("e-" + os::NewId(event.time));
  out.time = event.time;
  out.source = std::move(event.source);
  out.type = std::move(event.type);
  out.subject = std::move(event.subject);
  out.detail = std::move(event.detail);
  out.cause = std::move(event.cause);
  if (!out.cause.empty()) {
    auto hops = TRY(tx.One("SELECT hops FROM events WHERE id = ?", {out.cause},
                           [](const db::Row& row) { return row.Int(0); }));
    if (!hops) return Internal("event " + out.type + " names an unknown cause " + out.cause.value);
    out.hops = static_cast<int>(*hops) + 1;
  }
  out.position = TRY(tx.Count("SELECT MAX(position) FROM events", {})) + 1;
  TRY(
      tx.Exec("INSERT INTO events (position, id, time, source, type, subject, detail, cause, hops) "
              "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
              {out.position, out.id, out.time, out.source, out.type, out.subject, out.detail.Dump(),
               out.cause, out.hops}));
  return out;
}

Result<std::vector<Event>> List(db::Reader& reader, const EventFilter& filter) {
  std::string sql = "SELECT " + std::string(kColumns) + " FROM events WHERE position > ?";
  std::vector<db::Value> params = {filter.after};
  if (!filter.source.empty()) {
    sql += " AND source = ?";
    params.emplace_back(filter.source);
  }
  if (!filter.subject.empty()) {
    sql += " AND subject = ?";
    params.emplace_back(filter.subject);
  }
  if (!filter.type.empty()) {
    sql += " AND type = ?";
    params.emplace_back(filter.type);
  }
  if (filter.from) {
    sql += " AND time >= ?";
    params.emplace_back(*filter.from);
  }
  if (filter.to) {
    sql += " AND time <= ?";
    params.emplace_back(*filter.to);
  }
  sql += filter.newest_first ? " ORDER BY position DESC" : " ORDER BY position";
  if (filter.limit > 0) {
    sql += " LIMIT ?";
    params.emplace_back(filter.limit);
  }
  std::vector<Event> out;
  TRY(reader.QueryWith(sql, params, [&](const db::Row& row) { out.push_back(FromRow(row)); }));
  return out;
}

Result<std::optional<Event>> Find(db::Reader& reader, const EventId& id) {
  return reader.One("SELECT " + std::string(kColumns) + " FROM events WHERE id = ?", {id}, FromRow);
}

Json ToJson(const Event& event) {
  return Json::Of({{"id", event.id.value},
                   {"time", FormatTime(event.time)},
                   {"source", event.source},
                   {"type", event.type},
                   {"subject", event.subject},
                   {"detail", event.detail},
                   {"cause", event.cause.empty() ? Json() : Json(event.cause.value)}});
}

Json ToEnvelope(const Event& event) {
  return Json::Of({{"version", "0"},
                   {"id", event.id.value},
                   {"detail-type", event.type},
                   {"source", event.source},
                   {"account", ""},
                   {"time", FormatTime(event.time)},
                   {"region", ""},
                   {"resources", Json::Array{Json(event.subject)}},
                   {"detail", event.detail}});
}

}  // namespace tatara::events
