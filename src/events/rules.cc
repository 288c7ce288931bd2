#include "events/rules.h"

#include <algorithm>
#include <set>

#include "base/log.h"
#include "events/pattern.h"
#include "events/rule_store.h"
#include "events/schedule.h"
#include "events/template.h"
#include "os/random.h"

namespace tatara::events {
namespace {

constexpr int64_t kBatch = 500;
constexpr std::chrono::milliseconds kRetry{1000};  // after a round that failed
// So many events that matched nothing, then the cursor is written: what a restart reads again stays
// small.
constexpr int64_t kPositionsUnwritten = 2000;

struct LoadedRule {
  StoredRule stored;
  TimeZone zone;
  std::optional<Schedule> schedule;
};

std::string TextAt(const Json& json, std::string_view name) {
  const Json* value = json.Find(name);
  return value != nullptr && value->IsString() ? value->AsString() : "";
}

// Where the alarm's window begins, or nothing when the event has none.
std::optional<Time> WindowStart(const Json& detail) {
  const Json* window = detail.Find("window");
  if (window == nullptr || !window->IsArray() || window->AsArray().empty()) return std::nullopt;
  const auto time = ParseTime(TextAt(window->AsArray().front(), "time"));
  return time ? std::optional(*time) : std::nullopt;
}

// The instant that a fault is about: its own window's start, else just before it was found.
Time FaultTime(const Event& fault) {
  const Json* window = fault.detail.Find("window");
  if (window != nullptr) {
    const std::string text = window->IsString() ? window->AsString() : TextAt(*window, "start");
    if (const auto time = ParseTime(text)) return *time;
  }
  return fault.time - Duration(1);
}

std::string EndpointOf(const Json& detail) {
  const std::string endpoint = TextAt(detail, "endpoint");
  if (!endpoint.empty()) return endpoint;
  const Json* dimensions = detail.Find("dimensions");
  return dimensions == nullptr ? "" : TextAt(*dimensions, "endpoint");
}

// The alarm that an event turned on, or empty.
std::string AlarmOf(const Event& event) {
  return TextAt(event.detail, "state") == "ALARM" ? TextAt(event.detail, "alarm") : "";
}

// The last time of a schedule at or before `due`, given one that is.
Time LatestFire(const LoadedRule& rule, Time first, Time due) {
  if (const Rate* rate = std::get_if<Rate>(&*rule.schedule)) {
    return first + rate->period * ((due - first) / rate->period);
  }
  constexpr std::chrono::hours kBack[] = {std::chrono::hours(1), std::chrono::hours(24),
                                          std::chrono::hours(24 * 31),
                                          std::chrono::hours(24 * 400)};
  for (const auto back : kBack) {
    Time latest = Time::min();
    for (const Time time : Next(*rule.schedule, due - back, rule.zone, 1500)) {
      if (time <= due) latest = std::max(latest, time);
    }
    if (latest >= first) return latest;
  }
  return first;
}

std::optional<Time> NextFire(const Schedule& schedule, Time after, const TimeZone& zone) {
  const std::vector<Time> next = Next(schedule, after, zone, 1);
  return next.empty() ? std::nullopt : std::optional(next.front());
}

}  // namespace

Json ToJson(const DeliveryRow& row) {
  return Json::Of({{"id", row.id},
                   {"rule", row.rule},
                   {"kind", row.kind},
                   {"target", row.target},
                   {"state", row.state},
                   {"reason", row.reason},
                   {"handle", row.handle},
                   {"params", row.params},
                   {"event", row.event.value},
                   {"cause", row.cause.value},
                   {"time", FormatTime(row.time)},
                   {"cause_time", FormatTime(row.cause_time)},
                   {"ended", row.ended ? Json(FormatTime(*row.ended)) : Json()},
                   {"project", row.project}});
}

Json ToJson(const RuleStatus& status) {
  const auto at = [](const std::optional<Time>& time) {
    return time ? Json(FormatTime(*time)) : Json();
  };
  return Json::Of({{"name", status.spec.name},
                   {"project", status.project},
                   {"run", status.spec.run.empty() ? Json() : Json(status.spec.run)},
                   {"notify", status.spec.notify.empty() ? Json() : Json(status.spec.notify)},
                   {"next_fire", at(status.next_fire)},
                   {"cooldown_until", at(status.cooled_down)},
                   {"repeats", at(status.repeats)},
                   {"starts", status.starts},
                   {"spec", ToJson(status.spec)}});
}

class Rules::Impl {
 public:
  Impl(db::Database& database, RulesOptions options)
      : database_(database), options_(std::move(options)) {}

  void Tick(const control::Moment& moment) {
    now_ = moment.now;
    const Status done = Round(moment);
    failed_ = !done;
    if (failed_) {
      Log::Error("rules", done.error().message);
      generation_ = -1;  // read everything again
    }
  }

  std::optional<Time> NextDue() const {
    std::optional<Time> next;
    for (const LoadedRule& rule : rules_) {
      for (const auto& at : {rule.stored.next_fire, rule.stored.repeat_at}) {
        if (at) next = next ? std::min(*next, *at) : *at;
      }
    }
    return next;
  }

  bool Busy() {
    const auto bus = database_.Read([](db::Reader& reader) { return LoadBus(reader); });
    return bus && (bus->newest > position_ || bus->generation != generation_);
  }

  std::optional<os::Monotonic> NextPoll() {
    if (!Busy()) return std::nullopt;
    return os::Stopwatch::Now() + (failed_ ? kRetry : std::chrono::milliseconds(0));
  }

 private:
  // What asks for a start, and how the decision came out.
  struct Start {
    LoadedRule& rule;
    const Event& event;
    DeliveryRow row;
  };

  Status Round(const control::Moment& moment) {
    TRY(Refresh());
    TRY(ReadEvents());
    for (LoadedRule& rule : rules_) {
      if (rule.stored.next_fire && *rule.stored.next_fire <= moment.due) {
        TRY(Fire(rule, moment.due));
      }
      if (rule.stored.repeat_at && *rule.stored.repeat_at <= moment.due) TRY(Repeat(rule));
    }
    TRY(ObserveRunning());
    return ReadEvents();  // those of this round
  }

  Status Refresh() {
    const BusState bus = TRY(database_.Read([](db::Reader& reader) { return LoadBus(reader); }));
    if (bus.generation == generation_) return {};
    auto stored = TRY(database_.Read([](db::Reader& reader) { return LoadRules(reader); }));
    rules_.clear();
    patterns_ = RuleSet();
    for (StoredRule& rule : stored) {
      LoadedRule loaded{std::move(rule), TimeZone(), std::nullopt};
      loaded.zone = TRY(TimeZone::Find(loaded.stored.spec.timezone));
      if (!loaded.stored.spec.schedule.empty()) {
        loaded.schedule = TRY(ParseSchedule(loaded.stored.spec.schedule));
      } else {
        patterns_.Add(static_cast<uint32_t>(rules_.size()),
                      TRY(Pattern::FromJson(loaded.stored.spec.when)));
      }
      rules_.push_back(std::move(loaded));
    }
    if (generation_ < 0) position_ = written_ = bus.position;
    generation_ = bus.generation;
    return {};
  }

  Status ReadEvents() {
    if (rules_.empty()) return SkipEvents();
    for (;;) {
      const auto batch = TRY(database_.Read([&](db::Reader& reader) {
        return events::List(reader, {.after = position_, .limit = kBatch});
      }));
      for (const Event& event : batch) {
        TRY(Dispatch(event));
        position_ = event.position;
      }
      if (batch.empty()) break;  // also what the decisions themselves appended has been seen
    }
    return StoreCursor();
  }

  Status SkipEvents() {
    const BusState bus = TRY(database_.Read([](db::Reader& reader) { return LoadBus(reader); }));
    position_ = bus.newest;
    return StoreCursor();
  }

  Status StoreCursor() {
    if (position_ - written_ < kPositionsUnwritten) return {};
    const Status stored = database_.Write([&](db::Tx& tx) { return StorePosition(tx, position_); });
    if (stored) written_ = position_;
    return stored;
  }

  Status Dispatch(const Event& event) {
    for (const uint32_t index : TRY(patterns_.Match(ToEnvelope(event).Dump()))) {
      LoadedRule& rule = rules_[index];
      if (event.position <= rule.stored.since) continue;
      if (event.hops > options_.hops_max) {
        // Its refusal has been told one hop before; telling it again would be a loop of its own.
        Log::Warn("rules", "rule " + rule.stored.spec.name + ": the chain of causes is too long");
        continue;
      }
      TRY(Decide(rule, event));
    }
    return {};
  }

  Status Fire(LoadedRule& rule, Time due) {
    const Time at = LatestFire(rule, *rule.stored.next_fire, due);
    const auto next = NextFire(*rule.schedule, at, rule.zone);
    const std::string& name = rule.stored.spec.name;
    const auto event = database_.Write([&](db::Tx& tx) -> Result<Event> {
      TRY(StoreNextFire(tx, name, next));
      return Append(
          tx, {.time = at,
               .source = "tatara.rule",
               .type = "schedule_fired",
               .subject = name,
               .detail = Json::Of({{"rule", name}, {"schedule", rule.stored.spec.schedule}})});
    });
    if (!event) return std::unexpected(event.error());
    rule.stored.next_fire = next;
    return Decide(rule, *event);
  }

  Status Repeat(LoadedRule& rule) {
    const Time at = *rule.stored.repeat_at;
    const std::optional<Event> event =
        TRY(database_.Write([&](db::Tx& tx) { return AppendRepeat(tx, rule, at); }));
    rule.stored.repeat_at.reset();
    if (!event) return {};
    return Decide(rule, *event);
  }

  // The event that causes the start again, or nothing when the alarm is off.
  Result<std::optional<Event>> AppendRepeat(db::Tx& tx, const LoadedRule& rule, Time at) {
    const std::string& name = rule.stored.spec.name;
    TRY(StoreRepeat(tx, name, std::nullopt, EventId()));
    const auto first = TRY(events::Find(tx, rule.stored.repeat_event));
    if (!first || !options_.alarm) return std::optional<Event>();
    const auto alarm = TRY(options_.alarm(tx, TextAt(first->detail, "alarm"), at));
    if (!alarm || !alarm->on) return std::optional<Event>();
    Json detail = alarm->detail.IsObject() ? alarm->detail : first->detail;
    detail.Set("rule", name);
    detail.Set("repeats", first->id.value);
    return std::optional(TRY(Append(tx, {.time = at,
                                         .source = "tatara.rule",
                                         .type = "rule_repeated",
                                         .subject = name,
                                         .detail = std::move(detail),
                                         .cause = first->id})));
  }

  // One decision: a transaction of its own, so that a start that fails takes only itself back.
  Status Decide(LoadedRule& rule, const Event& event) {
    const Status decided =
        database_.Write([&](db::Tx& tx) { return DecideIn(tx, rule, event, ""); });
    if (decided) return Forward(rule);
    Log::Warn("rules", "rule " + rule.stored.spec.name + ": " + decided.error().message);
    const Status failed = database_.Write(
        [&](db::Tx& tx) { return DecideIn(tx, rule, event, decided.error().message); });
    if (!failed) return failed;
    return Forward(rule);
  }

  // Takes what the decision's transaction planned into memory, once it is durable.
  Status Forward(LoadedRule& rule) {
    if (planned_repeat_) {
      rule.stored.repeat_at = planned_repeat_->first;
      rule.stored.repeat_event = planned_repeat_->second;
    }
    return {};
  }

  // `failure`: why the start failed when it was tried before.
  Status DecideIn(db::Tx& tx, LoadedRule& rule, const Event& event, const std::string& failure) {
    planned_repeat_.reset();
    const RuleSpec& spec = rule.stored.spec;
    if (TRY(HasDelivery(tx, spec.name, event.id))) return {};
    StartRequest request = TRY(LoadHistory(tx, spec, event.time, rule.zone));
    request.hops = event.hops;
    if (spec.blocked_by) request.fault = TRY(FaultOf(tx, *spec.blocked_by, event));
    const Verdict verdict = Judge(spec, request, {options_.hops_max, options_.storm_max});

    Start start{rule, event, {}};
    DeliveryRow& row = start.row;
    row.id = "d-" + os::NewId(now_);
    row.project = rule.stored.project;
    row.rule = spec.name;
    row.kind = spec.run.empty() ? "notify" : "run";
    row.target = spec.run.empty() ? spec.notify : spec.run;
    row.reason = verdict.reason;
    row.params = Json::MakeObject();
    row.event = event.id;
    row.time = now_;
    row.cause_time = event.time;
    TRY(PlanRepeat(tx, rule, event, request.last_start, verdict));
    if (verdict.kind == Verdict::Kind::kLimited)
      return Refuse(tx, start, "LIMITED", "rule_limited");
    if (verdict.kind == Verdict::Kind::kBlocked) return Block(tx, start);
    if (!failure.empty()) {
      row.reason = failure;
      return Refuse(tx, start, "FAILED", "rule_failed");
    }
    return Begin(tx, start);
  }

  Status Begin(db::Tx& tx, Start& start) {
    DeliveryRow& row = start.row;
    for (const auto& [name, value] : start.rule.stored.spec.params) {
      row.params.Set(name, TRY(FillTemplates(value, start.event, start.rule.zone)));
    }
    row.cause = TRY(AppendOwn(tx, row, "rule_started", start.event.id)).id;
    Target* target = row.kind == "run" ? options_.run : options_.notify;
    if (target == nullptr) return Unsupported("nothing here can start a '" + row.kind + "'");
    row.handle = TRY(target->Start(
        tx, {row.id, row.project, row.rule, row.target, row.params, start.event, row.cause, now_}));
    row.state = "RUNNING";
    return InsertDelivery(tx, row, true);
  }

  Status Refuse(db::Tx& tx, Start& start, const std::string& state, const std::string& type) {
    DeliveryRow& row = start.row;
    row.state = state;
    row.ended = now_;
    row.cause = TRY(AppendOwn(tx, row, type, start.event.id)).id;
    return InsertDelivery(tx, row, false);
  }

  Status Block(db::Tx& tx, Start& start) {
    DeliveryRow& row = start.row;
    row.state = "BLOCKED";
    row.ended = now_;
    const Event blocked = TRY(AppendOwn(tx, row, "rule_blocked", start.event.id));
    row.cause = blocked.id;
    TRY(InsertDelivery(tx, row, false));
    const std::string& notice = start.rule.stored.spec.blocked_by->notify;
    if (notice.empty() || options_.notify == nullptr) return {};
    Delivery delivery{row.id, row.project, row.rule, notice, row.params, blocked, blocked.id, now_};
    TRY(options_.notify->Start(tx, delivery));
    return {};
  }

  Result<Event> AppendOwn(db::Tx& tx, const DeliveryRow& row, const std::string& type,
                          const EventId& cause) {
    return Append(tx, {.time = now_,
                       .source = "tatara.rule",
                       .type = type,
                       .subject = row.rule,
                       .detail = Json::Of({{"rule", row.rule},
                                           {"delivery", row.id},
                                           {row.kind, row.target},
                                           {"reason", row.reason},
                                           {"params", row.params},
                                           {"event", row.event.value}}),
                       .cause = cause});
  }

  // `repeat: while on`: when to look at the alarm again.
  Status PlanRepeat(db::Tx& tx, const LoadedRule& rule, const Event& event,
                    const std::optional<Time>& last_start, const Verdict& verdict) {
    const RuleSpec& spec = rule.stored.spec;
    if (!spec.repeat_while_on || AlarmOf(event).empty()) return {};
    Time at = event.time + *spec.limits.cooldown;
    const bool cooling = verdict.kind == Verdict::Kind::kLimited && last_start &&
                         event.time < *last_start + *spec.limits.cooldown;
    if (cooling) at = *last_start + *spec.limits.cooldown;
    planned_repeat_ = std::pair(at, event.id);
    return StoreRepeat(tx, spec.name, at, event.id);
  }

  // Why the start must not be: a fault of the same endpoint within the alarm's window.
  static Result<std::string> FaultOf(db::Reader& reader, const BlockedBy& blocked_by,
                                     const Event& event) {
    const std::string endpoint = EndpointOf(event.detail);
    const auto from = WindowStart(event.detail);
    if (endpoint.empty() || !from) return "";
    // A fault is found after what it is about, so older ones need not be read.
    const EventFilter filter{.subject = endpoint,
                             .type = blocked_by.event,
                             .from = *from,
                             .to = event.time,
                             .newest_first = true};
    for (const Event& fault : TRY(events::List(reader, filter))) {
      if (FaultTime(fault) < *from) continue;
      const std::string what = TextAt(fault.detail, "rule");
      return fault.type + (what.empty() ? "" : " '" + what + "'") + " of endpoint " + endpoint +
             " at " + FormatTime(fault.time);
    }
    return "";
  }

  Status ObserveRunning() {
    const auto running =
        TRY(database_.Read([](db::Reader& reader) { return LoadRunning(reader); }));
    for (const DeliveryRow& row : running) {
      Target* target = row.kind == "run" ? options_.run : options_.notify;
      if (target == nullptr) continue;
      const auto progress =
          database_.Read([&](db::Reader& reader) { return target->Observe(reader, row.handle); });
      if (!progress || progress->phase == Phase::kRunning) continue;
      const Status ended = database_.Write([&](db::Tx& tx) { return End(tx, row, *progress); });
      if (!ended) return ended;
    }
    return {};
  }

  Status End(db::Tx& tx, const DeliveryRow& row, const Progress& progress) {
    const std::string state = progress.phase == Phase::kSucceeded ? "SUCCEEDED" : "FAILED";
    TRY(EndDelivery(tx, row.id, state, progress.reason, now_));
    // A notice has its own events; telling its end again would feed rules about rules.
    if (row.kind != "run") return {};
    TRY(Append(tx, {.time = now_,
                    .source = "tatara.rule",
                    .type = "rule_ended",
                    .subject = row.rule,
                    .detail = Json::Of({{"rule", row.rule},
                                        {"delivery", row.id},
                                        {"run", row.target},
                                        {"handle", row.handle},
                                        {"state", state},
                                        {"reason", progress.reason}}),
                    .cause = row.cause}));
    return {};
  }

  db::Database& database_;
  RulesOptions options_;
  std::vector<LoadedRule> rules_;
  RuleSet patterns_;                                        // ids are indexes into rules_
  int64_t generation_ = -1;                                 // of rules_; -1: not read yet
  bool failed_ = false;                                     // the last round
  int64_t position_ = 0;                                    // events up to here have been seen
  int64_t written_ = 0;                                     // and so it stands in the store
  Time now_{};                                              // of this round
  std::optional<std::pair<Time, EventId>> planned_repeat_;  // by the last decision
};

Rules::Rules(db::Database& database, RulesOptions options)
    : impl_(std::make_unique<Impl>(database, std::move(options))) {}
Rules::~Rules() = default;
void Rules::Tick(const control::Moment& moment) { impl_->Tick(moment); }
std::optional<Time> Rules::NextDue() { return impl_->NextDue(); }
bool Rules::Busy() { return impl_->Busy(); }
std::optional<os::Monotonic> Rules::NextPoll() { return impl_->NextPoll(); }

namespace {

Status CheckNotice(db::Reader& reader, const RuleSpec& spec, const std::string& notice) {
  if (notice.empty()) return {};
  const int64_t found = TRY(reader.Count("SELECT COUNT(*) FROM notices WHERE name = ?", {notice}));
  if (found > 0) return {};
  return Invalid("rule '" + spec.name + "' names the notice '" + notice +
                 "', which `notices` does not have");
}

// What `repeat: while on` waited for goes on when a rule changes and still asks for the same
// events: people mend a rule while its alarm is on, and an alarm that stays on brings no new event.
Result<std::optional<Time>> RepeatAfterChange(db::Reader& reader, const StoredRule& old,
                                              const RuleSpec& spec, Time now) {
  if (!old.repeat_at || !spec.repeat_while_on ||
      ToJson(spec).Find("when")->Dump() != ToJson(old.spec).Find("when")->Dump()) {
    return std::optional<Time>();
  }
  if (spec.limits.cooldown == old.spec.limits.cooldown) return old.repeat_at;
  const auto last = TRY(LastStart(reader, spec.name));
  if (!last || !spec.limits.cooldown) return std::optional(now);
  return std::optional(std::max(now, *last + *spec.limits.cooldown));
}

Status SetOne(db::Tx& tx, const std::string& project, const RuleSpec& spec, Time now) {
  TRY(CheckNotice(tx, spec, spec.notify));
  if (spec.blocked_by) TRY(CheckNotice(tx, spec, spec.blocked_by->notify));
  const std::string text = ToJson(spec).Dump();
  const auto stored = TRY(LoadRules(tx, ""));
  const auto old =
      std::ranges::find(stored, spec.name, [](const StoredRule& rule) { return rule.spec.name; });
  if (old != stored.end() && old->project != project) {
    return Conflict("rule '" + spec.name + "' belongs to project '" + old->project + "'");
  }
  if (old != stored.end() && ToJson(old->spec).Dump() == text) return {};
  std::optional<Time> repeat;
  if (old != stored.end()) repeat = TRY(RepeatAfterChange(tx, *old, spec, now));
  std::optional<Time> next;
  if (!spec.schedule.empty()) {
    const TimeZone zone = TRY(TimeZone::Find(spec.timezone));
    next = NextFire(TRY(ParseSchedule(spec.schedule)), now, zone);
  }
  const int64_t position = TRY(tx.Count("SELECT MAX(position) FROM events", {}));
  TRY(tx.Exec("DELETE FROM rules WHERE name = ?", {spec.name}));
  TRY(tx.Exec(
      "INSERT INTO rules (name, project, spec, since, next_fire, repeat_at, repeat_event) "
      "VALUES (?, ?, ?, ?, ?, ?, ?)",
      {spec.name, project, text, position, next, repeat, repeat ? old->repeat_event : EventId()}));
  return {};
}

}  // namespace

Status Rules::Set(db::Tx& tx, const std::string& project, const std::vector<RuleSpec>& specs,
                  Time now) {
  std::set<std::string> wanted;
  for (const RuleSpec& spec : specs) {
    wanted.insert(spec.name);
    TRY(SetOne(tx, project, spec, now));
  }
  for (const RuleSpec& old : TRY(Get(tx, project))) {
    if (!wanted.contains(old.name)) TRY(tx.Exec("DELETE FROM rules WHERE name = ?", {old.name}));
  }
  TRY(tx.Exec("UPDATE bus SET generation = generation + 1 WHERE reader = 'rules'", {}));
  return {};
}

Result<std::vector<RuleSpec>> Rules::Get(db::Reader& reader, const std::string& project) {
  const auto stored =
      TRY(reader.All("SELECT name, spec FROM rules WHERE project = ? ORDER BY name", {project},
                     [](const db::Row& row) { return std::pair(row.Text(0), row.Text(1)); }));
  std::vector<RuleSpec> out;
  for (const auto& [name, text] : stored) {
    const Json entry = TRY(ParseJson(text));
    out.push_back(TRY(ParseRule(name, JsonToYaml(entry))));
  }
  return out;
}

Result<std::vector<RuleStatus>> Rules::List(db::Reader& reader) {
  std::vector<RuleStatus> out;
  for (StoredRule& rule : TRY(LoadRules(reader))) {
    RuleStatus status;
    status.project = std::move(rule.project);
    status.next_fire = rule.next_fire;
    status.repeats = rule.repeat_at;
    const auto last = TRY(LastStart(reader, rule.spec.name));
    if (last && rule.spec.limits.cooldown) status.cooled_down = *last + *rule.spec.limits.cooldown;
    status.starts = TRY(CountStarts(reader, rule.spec.name));
    status.spec = std::move(rule.spec);
    out.push_back(std::move(status));
  }
  return out;
}

Result<std::vector<DeliveryRow>> Rules::Deliveries(db::Reader& reader, const std::string& rule,
                                                   int64_t limit) {
  return LoadDeliveries(reader, rule, limit);
}

}  // namespace tatara::events
