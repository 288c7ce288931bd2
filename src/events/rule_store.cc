#include "events/rule_store.h"

namespace tatara::events {
namespace {

constexpr std::string_view kDeliveryColumns =
    "id, project, rule, kind, target, state, reason, handle, event, cause, params, time, "
    "cause_time, ended";

DeliveryRow DeliveryOf(const db::Row& row) {
  DeliveryRow out;
  out.id = row.Text(0);
  out.project = row.Text(1);
  out.rule = row.Text(2);
  out.kind = row.Text(3);
  out.target = row.Text(4);
  out.state = row.Text(5);
  out.reason = row.Text(6);
  out.handle = row.Text(7);
  out.event = EventId(row.Text(8));
  out.cause = EventId(row.Text(9));
  if (auto params = ParseJson(row.View(10))) out.params = *std::move(params);
  out.time = row.At(11);
  out.cause_time = row.At(12);
  out.ended = row.AtOrNone(13);
  return out;
}

Result<StoredRule> RuleOf(const db::Row& row) {
  StoredRule out;
  out.project = row.Text(1);
  const Json entry = TRY(ParseJson(row.View(2)));
  out.spec = TRY(ParseRule(row.Text(0), JsonToYaml(entry)));
  out.since = row.Int(3);
  out.next_fire = row.AtOrNone(4);
  out.repeat_at = row.AtOrNone(5);
  out.repeat_event = EventId(row.Text(6));
  return out;
}

}  // namespace

Result<BusState> LoadBus(db::Reader& reader) {
  const auto state =
      TRY(reader.One("SELECT position, generation, (SELECT MAX(position) FROM events) FROM bus "
                     "WHERE reader = 'rules'",
                     {}, [](const db::Row& row) {
                       return BusState{row.Int(0), row.Int(1), row.IntOrNone(2).value_or(0)};
                     }));
  return state.value_or(BusState{});
}

Status StorePosition(db::Tx& tx, int64_t position) {
  TRY(tx.Exec("UPDATE bus SET position = ? WHERE reader = 'rules'", {position}));
  return {};
}

Result<std::vector<StoredRule>> LoadRules(db::Reader& reader, const std::string& project) {
  std::vector<StoredRule> out;
  Status bad;
  TRY(
      reader.Query("SELECT name, project, spec, since, next_fire, repeat_at, repeat_event "
                   "FROM rules WHERE project = ? OR ? = '' ORDER BY name",
                   {project, project}, [&](const db::Row& row) {
                     auto rule = RuleOf(row);
                     if (rule)
                       out.push_back(*std::move(rule));
                     else
                       bad = std::unexpected(rule.error());
                   }));
  if (!bad) return std::unexpected(bad.error());
  return out;
}

Status StoreNextFire(db::Tx& tx, const std::string& rule, std::optional<Time> at) {
  TRY(tx.Exec("UPDATE rules SET next_fire = ? WHERE name = ?", {at, rule}));
  return {};
}

Status StoreRepeat(db::Tx& tx, const std::string& rule, std::optional<Time> at,
                   const EventId& event) {
  TRY(tx.Exec("UPDATE rules SET repeat_at = ?, repeat_event = ? WHERE name = ?",
              {at, event, rule}));
  return {};
}

Status InsertDelivery(db::Tx& tx, const DeliveryRow& row, bool started) {
  const int64_t sequence = TRY(tx.Count("SELECT MAX(sequence) FROM deliveries", {})) + 1;
  TRY(
      tx.Exec("INSERT INTO deliveries (id, sequence, project, rule, kind, target, state, reason, "
              "handle, params, event, cause, time, cause_time, started, ended) "
              "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
              {row.id, sequence, row.project, row.rule, row.kind, row.target, row.state, row.reason,
               row.handle, row.params.Dump(), row.event, row.cause, row.time, row.cause_time,
               started, row.ended}));
  return {};
}

Result<bool> HasDelivery(db::Reader& reader, const std::string& rule, const EventId& event) {
  return TRY(reader.Count("SELECT COUNT(*) FROM deliveries WHERE rule = ? AND event = ?",
                          {rule, event})) > 0;
}

Result<std::vector<DeliveryRow>> LoadRunning(db::Reader& reader) {
  return reader.All("SELECT " + std::string(kDeliveryColumns) +
                        " FROM deliveries WHERE state = 'RUNNING' ORDER BY sequence",
                    {}, DeliveryOf);
}

Result<std::vector<DeliveryRow>> LoadDeliveries(db::Reader& reader, const std::string& rule,
                                                int64_t limit) {
  return reader.All("SELECT " + std::string(kDeliveryColumns) +
                        " FROM deliveries WHERE rule = ? OR ? = '' ORDER BY sequence DESC LIMIT ?",
                    {rule, rule, limit > 0 ? limit : INT64_MAX}, DeliveryOf);
}

Status EndDelivery(db::Tx& tx, const std::string& id, const std::string& state,
                   const std::string& reason, Time now) {
  TRY(
      tx.Exec("UPDATE deliveries SET state = ?, reason = ?, ended = ? "
              "WHERE id = ? AND state = 'RUNNING'",
              {state, reason, now, id}));
  return {};
}

Result<std::optional<Time>> LastStart(db::Reader& reader, const std::string& rule) {
  const auto last =
      TRY(reader.One("SELECT MAX(cause_time) FROM deliveries WHERE rule = ? AND started = 1",
                     {rule}, [](const db::Row& row) { return row.AtOrNone(0); }));
  return last ? *last : std::nullopt;
}

Result<int64_t> CountStarts(db::Reader& reader, const std::string& rule) {
  return reader.Count("SELECT COUNT(*) FROM deliveries WHERE rule = ? AND started = 1", {rule});
}

Result<StartRequest> LoadHistory(db::Reader& reader, const RuleSpec& rule, Time time,
                                 const TimeZone& zone) {
  StartRequest out;
  out.cause_time = time;
  out.last_start = TRY(LastStart(reader, rule.name));
  const auto since = [&](Time from) {
    return reader.Count(
        "SELECT COUNT(*) FROM deliveries WHERE rule = ? AND started = 1 "
        "AND cause_time >= ? AND cause_time <= ?",
        {rule.name, from, time});
  };
  const Periods periods = PeriodsOf(time, zone);
  out.starts_in_minute = TRY(since(time - std::chrono::minutes(1)));
  if (rule.limits.per_hour) out.starts_in_hour = TRY(since(periods.hour));
  if (rule.limits.per_day) out.starts_in_day = TRY(since(periods.day));
  if (rule.limits.per_week) out.starts_in_week = TRY(since(periods.week));
  if (rule.limits.per_month) out.starts_in_month = TRY(since(periods.month));
  out.running =
      TRY(reader.Count("SELECT COUNT(*) FROM deliveries WHERE rule = ? AND state = 'RUNNING'",
                       {rule.name})) > 0;
  return out;
}

}  // namespace tatara::events
