#include "telemetry/alarms.h"

#include <algorithm>
#include <set>

#include "base/log.h"
#include "events/log.h"
#include "telemetry/series.h"

namespace tatara::telemetry {
namespace {

// So many evaluations without a change, then how far they went is written down: what a restart does
// again stays small.
constexpr int kEvaluationsUnwritten = 1000;

constexpr std::string_view kColumns =
    "name, project, spec, state, reason, since, detail, evaluated, position";

struct Stored {
  AlarmStatus status;
  Time evaluated{};
  int64_t position = 0;
};

Result<Stored> FromRow(const db::Row& row) {
  Stored out;
  const std::string name = row.Text(0);
  out.status.project = row.Text(1);
  const Json entry = TRY(ParseJson(row.View(2)));
  out.status.spec = TRY(ParseAlarm(name, JsonToYaml(entry)));
  out.status.state = TRY(ParseState(row.View(3)));
  out.status.reason = row.Text(4);
  out.status.since = row.At(5);
  out.status.detail = TRY(ParseJson(row.View(6)));
  out.evaluated = row.At(7);
  out.position = row.Int(8);
  return out;
}

Result<std::vector<Stored>> Load(db::Reader& reader, const std::string& where, db::Params params) {
  std::vector<Stored> out;
  Status bad;
  TRY(reader.Query("SELECT " + std::string(kColumns) + " FROM alarms " + where + " ORDER BY name",
                   params, [&](const db::Row& row) {
                     auto stored = FromRow(row);
                     if (stored)
                       out.push_back(*std::move(stored));
                     else
                       bad = std::unexpected(stored.error());
                   }));
  TRY(std::move(bad));
  return out;
}

// The earliest time that an evaluation at `at` looks at.
Time RangeStart(const AlarmSpec& spec, Time at) {
  return LastPeriodEnd(spec.period, at) - spec.period * spec.range;
}

Result<Evaluation> EvaluateAt(db::Reader& reader, const AlarmSpec& spec, int64_t series, Time at,
                              AlarmState current) {
  std::vector<Point> points;
  if (series > 0) {
    points = TRY(ListPoints(reader, series, RangeStart(spec, at), LastPeriodEnd(spec.period, at)));
  }
  return Evaluate(spec, points, at, current);
}

Json DetailOf(const AlarmSpec& spec, const Evaluation& found, AlarmState previous) {
  Json::Array window;
  for (const auto& point : found.window) {
    window.push_back(Json::Of({{"time", FormatTime(point.time)}, {"value", point.value}}));
  }
  Json dimensions = Json::MakeObject();
  for (const auto& [name, value] : spec.dimensions) dimensions.Set(name, value);
  Json out = Json::Of({{"alarm", spec.name},
                       {"state", StateName(found.state)},
                       {"previous", StateName(previous)},
                       {"value", found.window.empty() ? Json() : Json(found.window.back().value)},
                       {"dimensions", std::move(dimensions)},
                       {"window", std::move(window)},
                       {"metric", spec.metric},
                       {"reason", found.reason}});
  if (const auto endpoint = spec.dimensions.find("endpoint"); endpoint != spec.dimensions.end()) {
    out.Set("endpoint", endpoint->second);
  }
  return out;
}

}  // namespace

Json ToJson(const AlarmStatus& status) {
  Json out = Json::Of({{"name", status.spec.name},
                       {"state", StateName(status.state)},
                       {"reason", status.reason},
                       {"since", FormatTime(status.since)},
                       {"project", status.project}});
  const Json spec = ToJson(status.spec);  // named: a loop would not keep a temporary alive
  for (const auto& [name, value] : spec.AsObject()) out.Set(name, value);
  return out;
}

// One alarm as the planner holds it.
struct LiveAlarm {
  AlarmSpec spec;
  AlarmState state = AlarmState::kInsufficientData;
  int64_t series = 0;  // 0: no point of it has been written yet
  Time evaluated{};
  std::optional<Time> due;
  int64_t position = 0;  // points up to here have been seen
  int unwritten = 0;
};

struct Arrival {
  int64_t series = 0, position = 0;
  Time time{}, arrives{};
};

struct Change {
  std::string name;
  AlarmState state;
  Time at{};
  Json detail;
  std::string reason;
  EventId cause;
};

class Alarms::Impl {
 public:
  explicit Impl(db::Database& database) : database_(database) {}

  void Tick(const control::Moment& moment) {
    if (Status done = Round(moment); !done) {
      Log::Error("alarms", done.error().message);
      loaded_ = {};  // what is in memory may be ahead of the store
    }
  }

  std::optional<Time> NextDue() {
    std::optional<Time> next;
    for (const LiveAlarm& alarm : alarms_) {
      if (alarm.due) next = next ? std::min(*next, *alarm.due) : *alarm.due;
    }
    return next;
  }

  bool Busy() {
    if (alarms_.empty()) return false;
    auto newest = database_.Read(
        [](db::Reader& reader) { return reader.Count("SELECT MAX(position) FROM points", {}); });
    return newest && *newest > seen_;
  }

 private:
  // What tells whether the alarms in memory are those of the store.
  struct Version {
    int64_t count = -1, generation = -1;
    bool operator==(const Version&) const = default;
  };

  Status Round(const control::Moment& moment) {
    std::vector<Change> changes;
    const Status evaluated = database_.Read(
        [&](db::Reader& reader) { return EvaluateAll(reader, moment.due, changes); });
    if (!evaluated) return evaluated;
    return Record(changes);
  }

  Status EvaluateAll(db::Reader& reader, Time due, std::vector<Change>& changes) {
    TRY(Refresh(reader));
    if (alarms_.empty()) return {};
    const std::vector<Arrival> arrivals = TRY(NewPoints(reader));
    for (LiveAlarm& alarm : alarms_) TRY(Work(reader, alarm, arrivals, due, changes));
    return {};
  }

  Status Refresh(db::Reader& reader) {
    Version version;
    TRY(reader.Query("SELECT COUNT(*), MAX(generation) FROM alarms", {},
                     [&](const db::Row& row) { version = {row.Int(0), row.Int(1)}; }));
    if (version == loaded_) return {};
    alarms_.clear();
    seen_ = INT64_MAX;
    for (Stored& stored : TRY(Load(reader, "", {}))) {
      LiveAlarm alarm;
      alarm.spec = std::move(stored.status.spec);
      alarm.state = stored.status.state;
      alarm.evaluated = stored.evaluated;
      alarm.due = NextPeriodEnd(alarm.spec.period, alarm.evaluated);
      alarm.position = stored.position;
      seen_ = std::min(seen_, alarm.position);
      TRY(FindItsSeries(reader, alarm));
      alarms_.push_back(std::move(alarm));
    }
    loaded_ = version;
    return {};
  }

  static Status FindItsSeries(db::Reader& reader, LiveAlarm& alarm) {
    if (alarm.series > 0) return {};
    if (auto series = TRY(FindSeries(reader, alarm.spec.metric, alarm.spec.dimensions))) {
      alarm.series = series->number;
    }
    return {};
  }

  Result<std::vector<Arrival>> NewPoints(db::Reader& reader) {
    auto arrivals = TRY(reader.All(
        "SELECT series, position, time, arrives FROM points WHERE position > ? ORDER BY position",
        {seen_},
        [](const db::Row& row) { return Arrival{row.Int(0), row.Int(1), row.At(2), row.At(3)}; }));
    if (arrivals.empty()) return arrivals;
    seen_ = arrivals.back().position;
    for (LiveAlarm& alarm : alarms_) TRY(FindItsSeries(reader, alarm));
    std::ranges::stable_sort(arrivals, {}, &Arrival::arrives);
    return arrivals;
  }

  // All evaluations of one alarm in order of time: at each arrival of a point whose period has
  // ended (before that it counts nothing), and at each period's end up to `due`.
  Status Work(db::Reader& reader, LiveAlarm& alarm, const std::vector<Arrival>& arrivals, Time due,
              std::vector<Change>& changes) {
    for (const Arrival& arrival : arrivals) {
      if (arrival.series != alarm.series || arrival.position <= alarm.position) continue;
      alarm.position = std::max(alarm.position, arrival.position);
      const Time at = std::max(arrival.arrives, alarm.evaluated);
      while (alarm.due && *alarm.due < at) TRY(Step(reader, alarm, *alarm.due, changes));
      if (NextPeriodEnd(alarm.spec.period, arrival.time) <= at) {
        TRY(Step(reader, alarm, at, changes));
      } else if (!alarm.due) {
        alarm.due = NextPeriodEnd(alarm.spec.period, at);
      }
    }
    while (alarm.due && *alarm.due <= due) TRY(Step(reader, alarm, *alarm.due, changes));
    return {};
  }

  Status Step(db::Reader& reader, LiveAlarm& alarm, Time at, std::vector<Change>& changes) {
    const Evaluation found = TRY(EvaluateAt(reader, alarm.spec, alarm.series, at, alarm.state));
    alarm.evaluated = at;
    alarm.due = TRY(DueAfter(reader, alarm, at));
    ++alarm.unwritten;
    if (found.state == alarm.state) return {};
    Change change{alarm.spec.name,
                  found.state,
                  at,
                  DetailOf(alarm.spec, found, alarm.state),
                  found.reason,
                  TRY(CauseOf(reader, alarm, at))};
    alarm.state = found.state;
    changes.push_back(std::move(change));
    return {};
  }

  // With no data in the range nothing can change any more until a point arrives.
  static Result<std::optional<Time>> DueAfter(db::Reader& reader, const LiveAlarm& alarm, Time at) {
    if (alarm.series == 0) return std::optional<Time>();
    const auto newest =
        TRY(reader.One("SELECT MAX(time) FROM points WHERE series = ?", {alarm.series},
                       [](const db::Row& row) { return row.AtOrNone(0); }));
    if (!newest || !*newest) return std::optional<Time>();
    const Time next = NextPeriodEnd(alarm.spec.period, at);
    const Time last =
        NextPeriodEnd(alarm.spec.period, **newest) + alarm.spec.period * alarm.spec.range;
    return next <= last ? std::optional(next) : std::nullopt;
  }

  // The event that brought the newest point that the evaluation saw.
  static Result<EventId> CauseOf(db::Reader& reader, const LiveAlarm& alarm, Time at) {
    const auto cause = TRY(reader.One(
        "SELECT cause FROM points WHERE series = ? AND time >= ? AND time < ? AND arrives <= ? "
        "ORDER BY arrives DESC, time DESC LIMIT 1",
        {alarm.series, RangeStart(alarm.spec, at), LastPeriodEnd(alarm.spec.period, at), at},
        [](const db::Row& row) { return EventId(row.Text(0)); }));
    return cause.value_or(EventId());
  }

  Status Record(const std::vector<Change>& changes) {
    const bool far = std::ranges::any_of(
        alarms_, [](const LiveAlarm& alarm) { return alarm.unwritten > kEvaluationsUnwritten; });
    if (changes.empty() && !far) return {};
    const Status written = database_.Write([&](db::Tx& tx) -> Status {
      for (const Change& change : changes) TRY(RecordChange(tx, change));
      for (const LiveAlarm& alarm : alarms_) {
        TRY(tx.Exec("UPDATE alarms SET evaluated = ?, position = ? WHERE name = ?",
                    {alarm.evaluated, alarm.position, alarm.spec.name}));
      }
      return {};
    });
    if (!written) return written;
    for (LiveAlarm& alarm : alarms_) alarm.unwritten = 0;
    return {};
  }

  static Status RecordChange(db::Tx& tx, const Change& change) {
    TRY(tx.Exec(
        "UPDATE alarms SET state = ?, reason = ?, since = ?, detail = ? WHERE name = ?",
        {StateName(change.state), change.reason, change.at, change.detail.Dump(), change.name}));
    TRY(events::Append(tx, {.time = change.at,
                            .source = "tatara.alarm",
                            .type = "alarm_state_changed",
                            .subject = change.name,
                            .detail = change.detail,
                            .cause = change.cause}));
    return {};
  }

  db::Database& database_;
  std::vector<LiveAlarm> alarms_;
  Version loaded_;
  int64_t seen_ = 0;  // points up to here have been handed to the alarms
};

Alarms::Alarms(db::Database& database) : impl_(std::make_unique<Impl>(database)) {}
Alarms::~Alarms() = default;
void Alarms::Tick(const control::Moment& moment) { impl_->Tick(moment); }
std::optional<Time> Alarms::NextDue() { return impl_->NextDue(); }
bool Alarms::Busy() { return impl_->Busy(); }

Status Alarms::Set(db::Tx& tx, const std::string& project, const std::vector<AlarmSpec>& specs,
                   Time now) {
  const int64_t generation = TRY(tx.Count("SELECT MAX(generation) FROM alarms", {})) + 1;
  const int64_t position = TRY(tx.Count("SELECT MAX(position) FROM points", {}));
  std::set<std::string> wanted;
  for (const AlarmSpec& spec : specs) {
    wanted.insert(spec.name);
    const std::string text = ToJson(spec).Dump();
    const auto old =
        TRY(tx.One("SELECT project, spec FROM alarms WHERE name = ?", {spec.name},
                   [](const db::Row& row) { return std::pair(row.Text(0), row.Text(1)); }));
    if (old && old->first != project) {
      return Conflict("alarm '" + spec.name + "' belongs to project '" + old->first + "'");
    }
    if (old && old->second == text) continue;
    TRY(tx.Exec("DELETE FROM alarms WHERE name = ?", {spec.name}));
    TRY(
        tx.Exec("INSERT INTO alarms (name, project, spec, generation, state, reason, since, "
                "detail, evaluated, position) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                {spec.name, project, text, generation, StateName(AlarmState::kInsufficientData),
                 "not evaluated yet", now, "null", now, position}));
  }
  const auto names = TRY(tx.All("SELECT name FROM alarms WHERE project = ?", {project},
                                [](const db::Row& row) { return row.Text(0); }));
  for (const std::string& name : names) {
    if (!wanted.contains(name)) TRY(tx.Exec("DELETE FROM alarms WHERE name = ?", {name}));
  }
  TRY(tx.Exec("UPDATE alarms SET generation = ? WHERE project = ?", {generation, project}));
  return {};
}

Result<std::vector<AlarmSpec>> Alarms::Get(db::Reader& reader, const std::string& project) {
  std::vector<AlarmSpec> out;
  for (Stored& stored : TRY(Load(reader, "WHERE project = ?", {project}))) {
    out.push_back(std::move(stored.status.spec));
  }
  return out;
}

Result<std::vector<AlarmStatus>> Alarms::List(db::Reader& reader) {
  std::vector<AlarmStatus> out;
  for (Stored& stored : TRY(Load(reader, "", {}))) out.push_back(std::move(stored.status));
  return out;
}

Result<std::optional<AlarmStatus>> Alarms::Find(db::Reader& reader, const std::string& name) {
  auto found = TRY(Load(reader, "WHERE name = ?", {name}));
  if (found.empty()) return std::optional<AlarmStatus>();
  return std::optional(std::move(found.front().status));
}

Result<std::optional<AlarmStatus>> Alarms::FindAt(db::Reader& reader, const std::string& name,
                                                  Time at) {
  auto status = TRY(Find(reader, name));
  if (!status) return status;
  const auto series = TRY(FindSeries(reader, status->spec.metric, status->spec.dimensions));
  Evaluation found =
      TRY(EvaluateAt(reader, status->spec, series ? series->number : 0, at, status->state));
  found.state = status->state;
  const Json* previous = status->detail.Find("previous");
  const auto before = previous != nullptr && previous->IsString()
                          ? TRY(ParseState(previous->AsString()))
                          : AlarmState::kInsufficientData;
  status->detail = DetailOf(status->spec, found, before);
  return status;
}

}  // namespace tatara::telemetry
