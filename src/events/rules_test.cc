#include "events/rules.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <deque>

#include "base/hash.h"
#include "events/judge.h"
#include "events/notices.h"
#include "os/threads.h"

namespace tatara::events {
namespace {

using std::chrono::hours;
constexpr auto kDay = hours(24);

class FakeTarget : public Target {
 public:
  Result<std::string> Start(db::Tx& tx, const Delivery& delivery) override {
    if (fails) {
      TRY(tx.Exec("DELETE FROM rules", {}));  // must be undone
      return Unavailable("no pipeline today");
    }
    started.push_back(delivery);
    return "p-" + std::to_string(started.size());
  }
  Result<Progress> Observe(db::Reader&, const std::string&) override { return progress; }

  std::vector<Delivery> started;
  Progress progress{Phase::kSucceeded, ""};
  bool fails = false;
};

constexpr const char* kRetrain = R"(
when: {source: [tatara.alarm], detail: {alarm: [q], state: [ALARM]}}
run: train
timezone: America/New_York
params: {data.start: "${day - 90d}", data.end: "${day}", why: "${event.detail.alarm}", n: 3}
blocked_by: {event: data_fault, notify: owner}
limits: {cooldown: 14d, per_month: 4, concurrency: forbid}
repeat: while on
)";

class RulesTest : public testing::Test {
 protected:
  RulesTest() { Restart(); }

  void Restart() {
    RulesOptions options;
    options.run = &run_;
    options.notify = notices_.get();
    options.alarm = [this](db::Reader&, const std::string& name, Time) {
      EXPECT_EQ(name, "q");
      return Result<std::optional<AlarmNow>>(AlarmNow{alarm_on_, AlarmDetail()});
    };
    options.storm_max = 50;
    rules_ = std::make_unique<Rules>(*db_, options);
    Tick();
  }
  void Apply(const std::map<std::string, std::string>& entries) {
    std::vector<RuleSpec> specs;
    for (const auto& [name, yaml] : entries) {
      auto spec = ParseRule(name, *ParseYaml(yaml));
      ASSERT_TRUE(spec) << spec.error().message;
      specs.push_back(*spec);
    }
    const Status set = db_->Write([&](db::Tx& tx) -> Status {
      TRY(Notices::Set(tx, "p", {{"owner", "", ""}}));
      return Rules::Set(tx, "p", specs, clock_.Now());
    });
    ASSERT_TRUE(set) << set.error().message;
    Tick();
  }
  Json AlarmDetail() const {
    return Json::Of({{"alarm", "q"},
                     {"state", "ALARM"},
                     {"endpoint", "delay"},
                     {"window", Json::Array{Json::Of({{"time", FormatTime(clock_.Now() - 7 * kDay)},
                                                      {"value", 12}})}}});
  }
  Event Put(const std::string& source, const std::string& type, const std::string& subject,
            Json detail, EventId cause = {}) {
    auto event = db_->Write([&](db::Tx& tx) {
      return Append(tx, {clock_.Now(), source, type, subject, std::move(detail), cause});
    });
    return *event;
  }
  void Alarm() {
    alarm_on_ = true;
    Put("tatara.alarm", "alarm_state_changed", "q", AlarmDetail());
    Tick();
  }
  void Tick() {
    rules_->Tick({clock_.Now(), clock_.Now()});
    EXPECT_FALSE(rules_->Busy());
  }
  void AdvanceTo(Time time) {
    while (auto due = rules_->NextDue()) {
      if (*due > time) break;
      clock_.AdvanceTo(*due);
      Tick();
    }
    clock_.AdvanceTo(time);
    Tick();
  }
  std::vector<std::string> Types(const std::string& source = "tatara.rule") {
    std::vector<std::string> out;
    const auto found =
        db_->Read([&](db::Reader& reader) { return List(reader, {.source = source}); });
    for (const Event& event : *found) out.push_back(event.type);
    return out;
  }

  std::unique_ptr<db::Database> db_ = db::Database::OpenForTest();
  os::ManualClock clock_{*ParseTime("2013-05-06T12:00:00Z")};
  os::WorkPool pool_{"test", 1};
  FakeTarget run_;
  bool alarm_on_ = false;
  std::unique_ptr<Notices> notices_ =
      std::make_unique<Notices>(*db_, clock_, pool_, NoticeOptions{});
  std::unique_ptr<Rules> rules_;
};

using Strings = std::vector<std::string>;

TEST_F(RulesTest, NextPoll_WithUnseenEvents_IsAtOnce) {
  EXPECT_FALSE(rules_->NextPoll());
  Put("tatara.notice", "notice_sent", "owner", Json::MakeObject());  // and nobody wakes us
  EXPECT_TRUE(rules_->Busy());
  const auto poll = rules_->NextPoll();
  ASSERT_TRUE(poll);
  EXPECT_LE(*poll, os::Stopwatch::Now());
  Tick();
  EXPECT_FALSE(rules_->NextPoll());
}

TEST_F(RulesTest, Alarm_StartsThePipelineWithItsDay) {
  Apply({{"retrain", kRetrain}});
  Alarm();
  ASSERT_EQ(run_.started.size(), 1u);
  EXPECT_EQ(run_.started[0].params.Dump(),
            R"({"data.start":"2013-02-05","data.end":"2013-05-06","why":"q","n":3})");
  EXPECT_EQ(Types(), (Strings{"rule_started", "rule_ended"}));
  const auto started = *db_->Read([](db::Reader& r) { return List(r, {.source = "tatara.rule"}); });
  EXPECT_EQ(started[0].cause, run_.started[0].event.id);
  EXPECT_EQ(started[0].id, run_.started[0].cause);
}

TEST_F(RulesTest, EventsBeforeTheRuleWasSet_AreNotSeen_AndNoneTwice) {
  Alarm();
  Apply({{"retrain", kRetrain}});
  EXPECT_TRUE(run_.started.empty());
  Alarm();
  Restart();
  Restart();
  EXPECT_EQ(run_.started.size(), 1u);
}

TEST_F(RulesTest, SecondAlarmInTheCooldown_IsLimited_ThenRepeatsWhenItEnds) {
  Apply({{"retrain", kRetrain}});
  Alarm();
  AdvanceTo(clock_.Now() + 3 * kDay);
  Alarm();
  EXPECT_EQ(Types().back(), "rule_limited");
  AdvanceTo(*ParseTime("2013-05-20T11:59:59Z"));
  EXPECT_EQ(run_.started.size(), 1u);
  AdvanceTo(*ParseTime("2013-05-20T12:00:00Z"));
  ASSERT_EQ(run_.started.size(), 2u);
  EXPECT_EQ(run_.started[1].params.Find("data.end")->AsString(), "2013-05-20");
  EXPECT_EQ(run_.started[1].event.type, "rule_repeated");
}

TEST_F(RulesTest, ARuleMendedWhileItsAlarmIsOn_StillRepeats) {
  const auto with = [](std::string rule, const std::string& from, const std::string& to) {
    return rule.replace(rule.find(from), from.size(), to);
  };
  Apply({{"retrain", kRetrain}});
  Alarm();
  const Time began = clock_.Now();
  AdvanceTo(began + 2 * kDay);
  Apply({{"retrain", with(kRetrain, "n: 3", "n: 4")}});
  EXPECT_EQ(rules_->NextDue(), began + 14 * kDay);
  Apply({{"retrain", with(kRetrain, "cooldown: 14d", "cooldown: 3d")}});
  AdvanceTo(began + 3 * kDay);
  EXPECT_EQ(run_.started.size(), 2u);
  Apply({{"retrain", with(kRetrain, "alarm: [q]", "alarm: [other]")}});
  EXPECT_EQ(rules_->NextDue(), std::nullopt);
}

TEST_F(RulesTest, AlarmThatWentOff_IsNotRepeated) {
  Apply({{"retrain", kRetrain}});
  Alarm();
  alarm_on_ = false;
  AdvanceTo(clock_.Now() + 60 * kDay);
  EXPECT_EQ(run_.started.size(), 1u);
  EXPECT_FALSE(rules_->NextDue());
}

TEST_F(RulesTest, AlarmThatStaysOn_RepeatsUntilTheMonthIsFull) {
  Apply({{"retrain", kRetrain}});
  Alarm();
  AdvanceTo(clock_.Now() + 57 * kDay);
  EXPECT_EQ(run_.started.size(), 5u);  // days 0, 14, 28, 42, 56
}

TEST_F(RulesTest, DataFaultInTheWindow_BlocksAndTells) {
  Apply({{"retrain", kRetrain}});
  const auto fault = [&](const std::string& endpoint) {
    Put("tatara.monitor", "data_fault", endpoint,
        Json::Of({{"endpoint", endpoint}, {"rule", "complete"}}));
  };
  fault("delay");
  clock_.Advance(8 * kDay);
  fault("other");
  Alarm();
  EXPECT_EQ(run_.started.size(), 1u);  // one is too old, one of another endpoint
  AdvanceTo(clock_.Now() + 13 * kDay);
  fault("delay");
  AdvanceTo(clock_.Now() + kDay);
  EXPECT_EQ(run_.started.size(), 1u);
  EXPECT_EQ(Types().back(), "rule_blocked");
  EXPECT_EQ(Types("tatara.notice"), Strings{"notice_logged"});
}

TEST_F(RulesTest, StartThatFails_IsUndoneAndTold) {
  Apply({{"retrain", kRetrain}});
  run_.fails = true;
  Alarm();
  EXPECT_EQ(Types(), Strings{"rule_failed"});
  EXPECT_EQ(db_->Read([](db::Reader& r) { return Rules::List(r); })->size(), 1u);
}

TEST_F(RulesTest, RunningStart_ForbidsAnother) {
  Apply({{"r", "when: {source: [s]}\nrun: train\nlimits: {concurrency: forbid}"}});
  run_.progress.phase = Phase::kRunning;
  Put("s", "t", "x", Json::MakeObject());
  Tick();
  Put("s", "t", "x", Json::MakeObject());
  Tick();
  EXPECT_EQ(run_.started.size(), 1u);
  run_.progress = {Phase::kFailed, "stage a failed"};
  Put("s", "t", "x", Json::MakeObject());
  Tick();
  Put("s", "t", "x", Json::MakeObject());
  Tick();
  EXPECT_EQ(run_.started.size(), 2u);
}

TEST_F(RulesTest, RuleThatTriggersItself_EndsAtTheHopLimit) {
  Apply({{"loop", "when: {source: [tatara.rule, s]}\nnotify: owner"}});
  Put("s", "t", "x", Json::MakeObject());
  Tick();
  EXPECT_LE(Types().size(), 40u);
  EXPECT_EQ(Types().back(), "rule_limited");
}

TEST_F(RulesTest, StormOfEvents_IsLimited) {
  Apply({{"r", "when: {source: [s]}\nnotify: owner"}});
  for (int i = 0; i < 60; ++i) Put("s", "t", "x", Json::MakeObject());
  Tick();
  EXPECT_EQ(std::ranges::count(Types(), "rule_started"), 50);
  EXPECT_EQ(std::ranges::count(Types(), "rule_limited"), 10);
}

TEST_F(RulesTest, Schedule_FiresOnTheClock_AndOnceForAllThatWasMissed) {
  Apply({{"nightly", "schedule: cron(0 3 * * ? *)\ntimezone: Asia/Tokyo\nrun: train"}});
  EXPECT_EQ(*rules_->NextDue(), *ParseTime("2013-05-06T18:00:00Z"));
  AdvanceTo(*ParseTime("2013-05-08T00:00:00Z"));
  EXPECT_EQ(run_.started.size(), 2u);
  clock_.AdvanceTo(*ParseTime("2013-05-20T00:00:00Z"));
  Restart();
  ASSERT_EQ(run_.started.size(), 3u);
  EXPECT_EQ(run_.started[2].event.time, *ParseTime("2013-05-19T18:00:00Z"));
  EXPECT_EQ(*rules_->NextDue(), *ParseTime("2013-05-20T18:00:00Z"));
}

TEST_F(RulesTest, Set_LeavesOut_Removes_AndUnknownNoticeIsRefused) {
  Apply({{"r", "when: {source: [s]}\nrun: train"}});
  Apply({});
  Put("s", "t", "x", Json::MakeObject());
  Tick();
  EXPECT_TRUE(run_.started.empty());
  const auto spec = *ParseRule("r", *ParseYaml("when: {source: [s]}\nnotify: nobody"));
  const Status set =
      db_->Write([&](db::Tx& tx) { return Rules::Set(tx, "p", {spec}, clock_.Now()); });
  ASSERT_FALSE(set);
  EXPECT_NE(set.error().message.find("nobody"), std::string::npos);
}

TEST(Webhook, Signature_IsStandardWebhooks) {
  Event event;
  event.id = EventId("e-1");
  event.source = "tatara.alarm";
  event.type = "t";
  const NoticeSpec notice{"n", "http://x/", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"};
  const WebhookCall call =
      MakeWebhook(notice, "msg_1", event, Time(std::chrono::seconds(1700000000)));
  const std::string key = *FromBase64("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
  EXPECT_EQ(call.headers[3].second,
            "v1," + ToBase64(HmacSha256(key, "msg_1.1700000000." + call.body)));
  EXPECT_EQ(ParseJson(call.body)->Find("specversion")->AsString(), "1.0");
}

// Webhooks answered from a list, one round at a time.
class NoticesTest : public testing::Test {
 protected:
  NoticesTest() {
    NoticeOptions options;
    options.attempts_max = 3;
    options.backoff_first = options.backoff_max = std::chrono::milliseconds(0);
    options.wake = [this] {
      woken_.store(true);
      woken_.notify_all();
    };
    options.post = [this](const WebhookCall& call) {
      calls_.push_back(call);
      const WebhookAnswer answer = answers_.front();
      answers_.pop_front();
      return answer;
    };
    notices_ = std::make_unique<Notices>(*db_, clock_, pool_, options);
    CHECK(db_->Write([&](db::Tx& tx) -> Status {
      TRY(Notices::Set(tx, "p", {{"n", "http://x/", "s"}}));
      const Event event = TRY(Append(tx, {.source = "s", .type = "t", .subject = "x"}));
      handle_ = TRY(notices_->Tell(tx, "n", event));
      return Status();
    }));
  }
  void Round() {
    woken_ = false;
    notices_->Tick({});
    woken_.wait(false);
    notices_->Tick({});
  }
  Phase PhaseNow() {
    return db_->Read([&](db::Reader& r) { return notices_->Observe(r, handle_); })->phase;
  }

  std::unique_ptr<db::Database> db_ = db::Database::OpenForTest();
  os::ManualClock clock_{Time{}};
  std::vector<std::string> OutcomeTypes() {
    std::vector<std::string> types;
    const auto events = db_->Read(
        [](db::Reader& reader) { return events::List(reader, {.source = "tatara.notice"}); });
    for (const Event& event : *events) {
      types.push_back(event.type + " " + std::to_string(event.detail.Find("attempts")->AsInt()));
    }
    return types;
  }

  std::deque<WebhookAnswer> answers_;
  std::vector<WebhookCall> calls_;
  std::atomic<bool> woken_{false};
  std::string handle_;
  std::unique_ptr<Notices> notices_;
  os::WorkPool pool_{"test", 1};  // ends before what its tasks use
};

TEST_F(NoticesTest, Receiver410_DisablesTheNotice) {
  answers_ = {{410, "HTTP 410"}};
  Round();
  EXPECT_EQ(PhaseNow(), Phase::kFailed);
}

TEST_F(NoticesTest, Receiver2xx_EndsIt) {
  answers_ = {{204, ""}};
  Round();
  EXPECT_EQ(PhaseNow(), Phase::kSucceeded);
}

TEST_F(NoticesTest, Retries_KeepIdAndBody_AndTheLastOneIsADeadLetter) {
  answers_ = {{0, "refused"}, {500, "HTTP 500"}, {429, "HTTP 429"}};
  woken_ = false;
  notices_->Tick({});
  for (int i = 0; i < 3; ++i) {
    woken_.wait(false);
    woken_ = false;
    notices_->Tick({});
  }
  EXPECT_EQ(PhaseNow(), Phase::kFailed);
  EXPECT_EQ(OutcomeTypes(), std::vector<std::string>{"notice_dead 3"});
  ASSERT_EQ(calls_.size(), 3u);
  for (const WebhookCall& call : calls_) {
    EXPECT_EQ(call.body, calls_[0].body);
    EXPECT_EQ(call.headers[1], calls_[0].headers[1]);  // webhook-id
    EXPECT_EQ(call.headers[3].second,
              "v1," + ToBase64(HmacSha256("s", call.headers[1].second + "." +
                                                   call.headers[2].second + "." + call.body)));
  }
}

TEST(Notices, NextOf_Table) {
  using Kind = WebhookNext::Kind;
  using std::chrono::milliseconds;
  using std::chrono::seconds;
  const NoticeOptions options;
  struct Case {
    WebhookAnswer answer;
    int attempts;
    double jitter;
    Kind kind;
    milliseconds wait;
  };
  const Case cases[] = {
      {{200, ""}, 1, 0.5, Kind::kSent, milliseconds(0)},
      {{204, ""}, 8, 0.5, Kind::kSent, milliseconds(0)},
      {{410, ""}, 1, 0.5, Kind::kDead, milliseconds(0)},
      {{301, ""}, 1, 0.5, Kind::kRetry, milliseconds(1000)},
      {{500, ""}, 1, 0.0, Kind::kRetry, milliseconds(750)},
      {{500, ""}, 2, 0.5, Kind::kRetry, milliseconds(2000)},
      {{0, "refused"}, 7, 0.5, Kind::kRetry, milliseconds(64'000)},
      {{500, ""}, 8, 0.5, Kind::kDead, milliseconds(0)},
      {{429, "", seconds(30)}, 1, 0.5, Kind::kRetry, milliseconds(30'000)},
      {{503, "", seconds(1)}, 5, 0.5, Kind::kRetry, milliseconds(16'000)},
      {{429, "", seconds(86'400)}, 1, 0.5, Kind::kRetry, milliseconds(3'600'000)},
  };
  for (const Case& c : cases) {
    const WebhookNext next = NextOf(c.answer, c.attempts, options, c.jitter);
    EXPECT_EQ(next.kind, c.kind) << c.answer.status << " after " << c.attempts;
    EXPECT_EQ(next.wait, c.wait) << c.answer.status << " after " << c.attempts;
  }
  NoticeOptions many;
  many.attempts_max = 100;
  EXPECT_EQ(NextOf({500, ""}, 60, many, 0.5).wait, many.backoff_max);
}

struct JudgeCase {
  std::string limits;
  StartRequest request;
  Verdict::Kind wanted;
};
class Judged : public testing::TestWithParam<JudgeCase> {};
TEST_P(Judged, Judge_Table) {
  const auto rule =
      *ParseRule("r", *ParseYaml("when: {s: [a]}\nrun: x\nlimits: " + GetParam().limits));
  EXPECT_EQ(Judge(rule, GetParam().request, {5, 9}).kind, GetParam().wanted);
}
using Kind = Verdict::Kind;
INSTANTIATE_TEST_SUITE_P(
    Limits, Judged,
    testing::Values(
        JudgeCase{"{}", {}, Kind::kStart}, JudgeCase{"{}", {.hops = 5}, Kind::kLimited},
        JudgeCase{"{}", {.starts_in_minute = 9}, Kind::kLimited},
        JudgeCase{"{}", {.running = true}, Kind::kStart},
        JudgeCase{"{concurrency: forbid}", {.running = true}, Kind::kLimited},
        JudgeCase{
            "{cooldown: 1h}", {.cause_time = Time(hours(1)), .last_start = Time()}, Kind::kStart},
        JudgeCase{
            "{cooldown: 2h}", {.cause_time = Time(hours(1)), .last_start = Time()}, Kind::kLimited},
        JudgeCase{"{per_day: 2}", {.starts_in_day = 1}, Kind::kStart},
        JudgeCase{"{per_day: 2}", {.starts_in_day = 2}, Kind::kLimited},
        JudgeCase{"{per_month: 2}", {.starts_in_month = 2}, Kind::kLimited},
        JudgeCase{"{}", {.fault = "f"}, Kind::kBlocked},
        JudgeCase{"{per_week: 1}", {.starts_in_week = 1, .fault = "f"}, Kind::kLimited}));

TEST(Specs, Errors_NameLineAndNearestKey) {
  const auto rule = ParseRule("r", *ParseYaml("when: {s: [a]}\nrun: x\nlimts: {}"));
  EXPECT_NE(rule.error().message.find("line 3"), std::string::npos) << rule.error().message;
  EXPECT_NE(rule.error().message.find("'limits'"), std::string::npos);
  EXPECT_EQ(ParseRule("r", *ParseYaml("push: {branch: main}\nrun: x")).error().code,
            Code::kUnsupported);
  EXPECT_FALSE(ParseRule("r", *ParseYaml("when: {s: [a]}\nrun: x\nparams: {a: \"${dya}\"}")));
}

TEST(Specs, Notice_TakesTheEnvironment) {
  const Lookup lookup = [](std::string_view name) -> std::optional<std::string> {
    if (name == "URL") return "https://h/x?token=1";
    return std::nullopt;
  };
  const auto notice =
      *ParseNotice("n", *ParseYaml("webhook: \"${URL}\"\nsecret: \"${S:-d}\""), lookup);
  EXPECT_EQ(notice.webhook, "https://h/x?token=1");
  EXPECT_EQ(notice.secret, "d");
  EXPECT_EQ(ToJson(notice).Dump().find("token"), std::string::npos);
  EXPECT_TRUE(ParseNotice("n", *ParseYaml("webhook: \"${X:-}\""), lookup)->webhook.empty());
  EXPECT_NE(ParseNotice("n", *ParseYaml("webhook: \"${X}\""), lookup).error().message.find("no X"),
            std::string::npos);
}

}  // namespace
}  // namespace tatara::events
