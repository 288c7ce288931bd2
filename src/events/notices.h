// Notices: an event told to somebody outside, as a webhook.
//
// A send is a row (PENDING -> SENT, LOGGED or DEAD), made in the transaction of what it tells. The
// webhook is a CloudEvents 1.0 document in structured mode, signed as Standard Webhooks 1.0 says
// (webhook-id, webhook-timestamp, webhook-signature: v1,base64(HMAC-SHA256(id.timestamp.body))).
// 2xx ends it; 410 disables the notice; anything else is tried again with exponential back-off and
// jitter on the stopwatch, not before what a Retry-After asks for, at most `attempts_max` times,
// then it is DEAD (the dead letter: the row stays, with its body). A notice without a webhook is an
// event and a line in the log.
//
// Events: source tatara.notice, subject the notice, type notice_sent, notice_logged or notice_dead,
// detail {notice, event, type, attempts, reason}; cause = the event that is told.
// Owner: App. Threads: the planner half on the control thread, sends on the work pool.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "control/control.h"
#include "db/db.h"
#include "events/log.h"
#include "events/spec.h"
#include "events/target.h"
#include "os/clock.h"

namespace tatara::os {
class WorkPool;
}

namespace tatara::events {

// What a webhook answered: an HTTP status, or 0 and why none came.
struct WebhookAnswer {
  int status = 0;
  std::string reason;
  std::chrono::seconds retry_after{0};  // of a Retry-After in seconds
};
struct WebhookCall {
  std::string url;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
};

struct NoticeOptions {
  std::function<void()> wake;  // Control::Wake
  int attempts_max = 8;
  std::chrono::milliseconds backoff_first{1'000};  // doubles, up to backoff_max, +-25 % jitter
  std::chrono::milliseconds backoff_max{300'000};
  std::chrono::seconds retry_after_max{3'600};
  // Posts one webhook; null: HTTP. For tests.
  std::function<WebhookAnswer(const WebhookCall&)> post;
};

class Notices : public Target, public control::Planner {
 public:
  Notices(db::Database& database, const os::Clock& clock, os::WorkPool& pool,
          NoticeOptions options);
  ~Notices() override;

  // Makes the project's notices exactly these. kConflict when one belongs to another project.
  static Status Set(db::Tx& tx, const std::string& project, const std::vector<NoticeSpec>& specs);
  static Result<std::vector<NoticeSpec>> Get(db::Reader& reader, const std::string& project);

  // Tells `event` to a notice; the handle for Observe. kNotFound when there is no such notice.
  Result<std::string> Tell(db::Tx& tx, const std::string& notice, const Event& event);

  Result<std::string> Start(db::Tx& tx, const Delivery& delivery) override;
  Result<Progress> Observe(db::Reader& reader, const std::string& handle) override;

  std::string_view name() const override { return "notices"; }
  void Tick(const control::Moment& moment) override;
  std::optional<Time> NextDue() override { return std::nullopt; }
  bool Busy() override { return false; }  // a replay never waits for the outside
  std::optional<os::Monotonic> NextPoll() override;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

// What follows an answer to attempt number `attempts` (from 1): pure. `jitter` in [0, 1).
struct WebhookNext {
  enum class Kind { kSent, kRetry, kDead };
  Kind kind = Kind::kSent;
  std::chrono::milliseconds wait{0};  // of kRetry
};
WebhookNext NextOf(const WebhookAnswer& answer, int attempts, const NoticeOptions& options,
                   double jitter);

// The body and headers of one webhook: pure. Over retries the id and the body stay, so that a
// receiver can tell a repeat; time and signature are the attempt's, since receivers refuse old
// ones. `timestamp` is the time of the attempt.
WebhookCall MakeWebhook(const NoticeSpec& notice, const std::string& send_id, const Event& event,
                        Time timestamp);

}  // namespace tatara::events
