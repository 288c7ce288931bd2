#include "events/notices.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <set>

#include "base/hash.h"
#include "base/log.h"
#include "base/strings.h"
#include "net/net.h"
#include "os/random.h"
#include "os/threads.h"

namespace tatara::events {
namespace {

constexpr size_t kInFlightMax = 16;
constexpr int kGone = 410;

WebhookAnswer PostOverHttp(const WebhookCall& call) {
  net::ClientRequest request;
  request.verb = net::Verb::kPost;
  request.url = call.url;
  request.headers = call.headers;
  request.body = call.body;
  request.timeout = std::chrono::seconds(15);
  request.body_max = 1 << 20;
  net::HttpClient client;
  const auto answer = client.Call(request);
  if (!answer) return {0, answer.error().message};
  WebhookAnswer out{answer->status, "HTTP " + std::to_string(answer->status)};
  for (const auto& [name, value] : answer->headers) {
    int64_t seconds = 0;
    if (Lower(name) == "retry-after" && ParseInt(Trim(value), seconds) && seconds > 0) {
      out.retry_after = std::chrono::seconds(seconds);
    }
  }
  return out;
}

// The key of "whsec_<base64>", else the secret's own bytes.
std::string KeyOf(const std::string& secret) {
  constexpr std::string_view kPrefix = "whsec_";
  if (!secret.starts_with(kPrefix)) return secret;
  auto key = FromBase64(std::string_view(secret).substr(kPrefix.size()));
  return key ? *std::move(key) : secret;
}

NoticeSpec SpecOf(const db::Row& row) { return {row.Text(0), row.Text(1), row.Text(2)}; }

struct Send {
  std::string id;
  NoticeSpec notice;
  EventId event;
  int attempts = 0;
};

struct Answered {
  Send send;
  WebhookAnswer answer;
};

Status AppendOutcome(db::Tx& tx, const Send& send, const Event& told, const std::string& type,
                     Time now, const std::string& reason) {
  TRY(Append(tx, {.time = now,
                  .source = "tatara.notice",
                  .type = type,
                  .subject = send.notice.name,
                  .detail = Json::Of({{"notice", send.notice.name},
                                      {"event", told.id.value},
                                      {"source", told.source},
                                      {"type", told.type},
                                      {"subject", told.subject},
                                      {"attempts", send.attempts},
                                      {"reason", reason}}),
                  .cause = told.id}));
  return {};
}

}  // namespace

WebhookNext NextOf(const WebhookAnswer& answer, int attempts, const NoticeOptions& options,
                   double jitter) {
  using Kind = WebhookNext::Kind;
  if (answer.status >= 200 && answer.status < 300) return {Kind::kSent};
  if (answer.status == kGone || attempts >= options.attempts_max) return {Kind::kDead};
  constexpr int kDoublingsMax = 20;
  const auto doubled =
      options.backoff_first * (int64_t{1} << std::min(attempts - 1, kDoublingsMax));
  const auto span = std::min<std::chrono::milliseconds>(doubled, options.backoff_max);
  const auto spread = std::chrono::milliseconds(
      static_cast<int64_t>(static_cast<double>(span.count()) * (0.75 + 0.5 * jitter)));
  const std::chrono::milliseconds asked = std::min(answer.retry_after, options.retry_after_max);
  return {Kind::kRetry, std::max(spread, asked)};
}

WebhookCall MakeWebhook(const NoticeSpec& notice, const std::string& send_id, const Event& event,
                        Time timestamp) {
  Json body = Json::Of({{"specversion", "1.0"},
                        {"id", event.id.value},
                        {"source", event.source},
                        {"type", event.type},
                        {"subject", event.subject},
                        {"time", FormatTime(event.time)},
                        {"datacontenttype", "application/json"},
                        {"data", event.detail}});
  if (!event.cause.empty()) body.Set("cause", event.cause.value);
  WebhookCall call;
  call.url = notice.webhook;
  call.body = body.Dump();
  const std::string seconds = std::to_string(ToMillis(timestamp) / 1000);
  call.headers = {{"Content-Type", "application/cloudevents+json; charset=utf-8"},
                  {"webhook-id", send_id},
                  {"webhook-timestamp", seconds}};
  if (!notice.secret.empty()) {
    const std::string text = send_id + "." + seconds + "." + call.body;
    call.headers.emplace_back("webhook-signature",
                              "v1," + ToBase64(HmacSha256(KeyOf(notice.secret), text)));
  }
  return call;
}

class Notices::Impl {
 public:
  Impl(db::Database& database, const os::Clock& clock, os::WorkPool& pool, NoticeOptions options)
      : database_(database), clock_(clock), pool_(pool), options_(std::move(options)) {
    if (!options_.post) options_.post = PostOverHttp;
    if (!options_.wake) options_.wake = [] {};
  }

  Result<std::string> Tell(db::Tx& tx, const std::string& name, const Event& event) {
    struct Found {
      NoticeSpec notice;
      bool disabled;
    };
    const auto found =
        TRY(tx.One("SELECT name, webhook, secret, disabled FROM notices WHERE name = ?", {name},
                   [](const db::Row& row) { return Found{SpecOf(row), row.Bool(3)}; }));
    if (!found) return NotFound("there is no notice '" + name + "'");
    const Send send{"n-" + os::NewId(clock_.Now()), found->notice, event.id, 0};
    std::string state = "PENDING", reason;
    if (found->disabled) {
      state = "DEAD";
      reason = "the receiver answered 410 before; change or apply the notice to enable it";
      TRY(AppendOutcome(tx, send, event, "notice_dead", clock_.Now(), reason));
    } else if (found->notice.webhook.empty()) {
      state = "LOGGED";
      TRY(AppendOutcome(tx, send, event, "notice_logged", clock_.Now(), ""));
      Log::Info("notice",
                name + ": " + event.type + " of " + event.subject + " " + event.detail.Dump());
    }
    TRY(
        tx.Exec("INSERT INTO notice_sends (id, notice, event, state, attempts, reason, created) "
                "VALUES (?, ?, ?, ?, 0, ?, ?)",
                {send.id, name, event.id, state, reason, clock_.Now()}));
    return send.id;
  }

  void Tick() {
    if (Status done = Record(TakeAnswers()); !done) {
      Log::Error("notices", done.error().message);
    }
    auto pending = database_.Read([](db::Reader& reader) {
      return reader.All(
          "SELECT n.name, n.webhook, n.secret, s.id, s.event, s.attempts FROM notice_sends s "
          "JOIN notices n ON n.name = s.notice WHERE s.state = 'PENDING' ORDER BY s.id",
          {}, [](const db::Row& row) {
            return Send{row.Text(3), SpecOf(row), EventId(row.Text(4)),
                        static_cast<int>(row.Int(5))};
          });
    });
    if (!pending) return Log::Error("notices", pending.error().message);
    const auto now = os::Stopwatch::Now();
    next_poll_.reset();
    for (const Send& send : *pending) {
      if (in_flight_.contains(send.id)) continue;
      const auto due = not_before_.find(send.id);
      if (due != not_before_.end() && due->second > now) {
        next_poll_ = next_poll_ ? std::min(*next_poll_, due->second) : due->second;
      } else if (in_flight_.size() < kInFlightMax) {
        Post(send);
      }
    }
  }

  std::optional<os::Monotonic> NextPoll() const { return next_poll_; }

 private:
  void Post(const Send& send) {
    auto event =
        database_.Read([&](db::Reader& reader) { return events::Find(reader, send.event); });
    if (!event || !*event) return;
    // Real time, since the receiver compares it with its own clock.
    WebhookCall call = MakeWebhook(send.notice, send.id, **event, os::RealClock().Now());
    const bool posted = pool_.Post([this, send, call = std::move(call)] {
      Answered answered{send, options_.post(call)};
      {
        std::lock_guard lock(mutex_);
        answers_.push_back(std::move(answered));
      }
      options_.wake();
    });
    if (posted) in_flight_.insert(send.id);
  }

  std::vector<Answered> TakeAnswers() {
    std::lock_guard lock(mutex_);
    return std::exchange(answers_, {});
  }

  Status Record(std::vector<Answered> answers) {
    for (Answered& answered : answers) {
      in_flight_.erase(answered.send.id);
      ++answered.send.attempts;
      using Kind = WebhookNext::Kind;
      const double jitter = static_cast<double>(os::RandomU64() % 1000) / 1000;
      const WebhookNext next = NextOf(answered.answer, answered.send.attempts, options_, jitter);
      if (next.kind == Kind::kRetry) {
        not_before_[answered.send.id] = os::Stopwatch::Now() + next.wait;
      } else {
        not_before_.erase(answered.send.id);
      }
      TRY(database_.Write([&](db::Tx& tx) {
        return RecordOne(tx, answered,
                         next.kind == Kind::kSent   ? "SENT"
                         : next.kind == Kind::kDead ? "DEAD"
                                                    : "PENDING");
      }));
    }
    return {};
  }

  Status RecordOne(db::Tx& tx, const Answered& answered, const std::string& state) {
    const Send& send = answered.send;
    TRY(tx.Exec("UPDATE notice_sends SET state = ?, attempts = ?, reason = ? WHERE id = ?",
                {state, send.attempts, answered.answer.reason, send.id}));
    if (answered.answer.status == kGone) {
      TRY(tx.Exec("UPDATE notices SET disabled = 1 WHERE name = ?", {send.notice.name}));
    }
    if (state == "PENDING") return {};
    const auto event = TRY(events::Find(tx, send.event));
    if (!event) return Internal("notice " + send.id + " tells an unknown event");
    return AppendOutcome(tx, send, *event, state == "SENT" ? "notice_sent" : "notice_dead",
                         clock_.Now(), answered.answer.reason);
  }

  db::Database& database_;
  const os::Clock& clock_;
  os::WorkPool& pool_;
  NoticeOptions options_;

  // Control thread only:
  std::set<std::string> in_flight_;
  std::map<std::string, os::Monotonic> not_before_;
  std::optional<os::Monotonic> next_poll_;

  std::mutex mutex_;
  std::vector<Answered> answers_;  // from the work pool
};

Notices::Notices(db::Database& database, const os::Clock& clock, os::WorkPool& pool,
                 NoticeOptions options)
    : impl_(std::make_unique<Impl>(database, clock, pool, std::move(options))) {}
Notices::~Notices() = default;
void Notices::Tick(const control::Moment&) { impl_->Tick(); }
std::optional<os::Monotonic> Notices::NextPoll() { return impl_->NextPoll(); }

Result<std::string> Notices::Tell(db::Tx& tx, const std::string& notice, const Event& event) {
  return impl_->Tell(tx, notice, event);
}

Result<std::string> Notices::Start(db::Tx& tx, const Delivery& delivery) {
  return impl_->Tell(tx, delivery.target, delivery.event);
}

Result<Progress> Notices::Observe(db::Reader& reader, const std::string& handle) {
  struct Found {
    std::string state, reason;
  };
  const auto found =
      TRY(reader.One("SELECT state, reason FROM notice_sends WHERE id = ?", {handle},
                     [](const db::Row& row) { return Found{row.Text(0), row.Text(1)}; }));
  if (!found) return NotFound("no notice was sent as " + handle);
  if (found->state == "PENDING") return Progress{};
  if (found->state == "DEAD") return Progress{Phase::kFailed, found->reason};
  return Progress{Phase::kSucceeded, ""};
}

Status Notices::Set(db::Tx& tx, const std::string& project, const std::vector<NoticeSpec>& specs) {
  std::set<std::string> wanted;
  for (const NoticeSpec& spec : specs) {
    wanted.insert(spec.name);
    const auto owner = TRY(tx.One("SELECT project FROM notices WHERE name = ?", {spec.name},
                                  [](const db::Row& row) { return row.Text(0); }));
    if (owner && *owner != project) {
      return Conflict("notice '" + spec.name + "' belongs to project '" + *owner + "'");
    }
    TRY(
        tx.Exec("INSERT INTO notices (name, project, webhook, secret, disabled) "
                "VALUES (?, ?, ?, ?, 0) ON CONFLICT (name) DO UPDATE SET "
                "webhook = excluded.webhook, secret = excluded.secret, disabled = 0",
                {spec.name, project, spec.webhook, spec.secret}));
  }
  for (const NoticeSpec& old : TRY(Get(tx, project))) {
    if (wanted.contains(old.name)) continue;
    TRY(
        tx.Exec("UPDATE notice_sends SET state = 'DEAD', reason = 'the notice was removed' "
                "WHERE notice = ? AND state = 'PENDING'",
                {old.name}));
    TRY(tx.Exec("DELETE FROM notices WHERE name = ?", {old.name}));
  }
  return {};
}

Result<std::vector<NoticeSpec>> Notices::Get(db::Reader& reader, const std::string& project) {
  return reader.All("SELECT name, webhook, secret FROM notices WHERE project = ? ORDER BY name",
                    {project}, SpecOf);
}

}  // namespace tatara::events
