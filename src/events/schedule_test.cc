#include "events/schedule.h"

#include <gtest/gtest.h>

namespace tatara::events {
namespace {

std::string NextOf(const std::string& text, const std::string& after, int n,
                   const std::string& zone = "UTC") {
  const auto schedule = ParseSchedule(text);
  if (!schedule) return "bad";
  std::string out;
  for (const Time time : Next(*schedule, *ParseTime(after), *TimeZone::Find(zone), n)) {
    out += (out.empty() ? "" : " ") + FormatTime(time);
  }
  return out;
}

struct Case {
  std::string text, after, zone, next;
};
class Schedules : public testing::TestWithParam<Case> {};
TEST_P(Schedules, Next_Table) {
  const auto& [text, after, zone, next] = GetParam();
  EXPECT_EQ(NextOf(text, after, 2, zone), next) << text;
}
INSTANTIATE_TEST_SUITE_P(
    Times, Schedules,
    testing::Values(Case{"rate(1 minute)", "2026-01-15T10:20:30.5Z", "UTC",
                         "2026-01-15T10:21:30Z 2026-01-15T10:22:30Z"},
                    Case{"rate(2 days)", "2026-03-07T12:00:00Z", "America/New_York",
                         "2026-03-09T12:00:00Z 2026-03-11T12:00:00Z"},
                    Case{"cron(0 3 * * ? *)", "2026-01-15T10:20:30Z", "Asia/Tokyo",
                         "2026-01-15T18:00:00Z 2026-01-16T18:00:00Z"},
                    Case{"cron(30 2 8 3 ? 2026-2027)", "2026-01-01T00:00:00Z", "America/New_York",
                         "2027-03-08T07:30:00Z"},  // skipped by the clocks in 2026
                    Case{"cron(30 1 1 11 ? 2026)", "2026-01-01T00:00:00Z", "America/New_York",
                         "2026-11-01T05:30:00Z"},  // twice on the wall, once here
                    Case{"cron(0 0 L * ? *)", "2028-02-01T00:00:00Z", "UTC",
                         "2028-02-29T00:00:00Z 2028-03-31T00:00:00Z"},
                    Case{"cron(0 0 ? * 6L *)", "2026-01-01T00:00:00Z", "UTC",
                         "2026-01-30T00:00:00Z 2026-02-27T00:00:00Z"},
                    Case{"cron(0 0 ? * SAT#3 *)", "2026-01-01T00:00:00Z", "UTC",
                         "2026-01-17T00:00:00Z 2026-02-21T00:00:00Z"},
                    Case{"cron(0 0 ? * L *)", "2026-01-01T00:00:00Z", "UTC",
                         "2026-01-03T00:00:00Z 2026-01-10T00:00:00Z"},
                    Case{"cron(0 0 1W * ? *)", "2026-01-02T00:00:00Z", "UTC",
                         "2026-02-02T00:00:00Z 2026-03-02T00:00:00Z"},
                    Case{"cron(0 0 31W * ? *)", "2026-05-01T00:00:00Z", "UTC",
                         "2026-05-29T00:00:00Z 2026-07-31T00:00:00Z"},
                    Case{"cron(0 0 LW * ? *)", "2026-05-01T00:00:00Z", "UTC",
                         "2026-05-29T00:00:00Z 2026-06-30T00:00:00Z"},
                    Case{"cron(0 20-2 * * ? *)", "2026-01-01T22:30:00Z", "UTC",
                         "2026-01-01T23:00:00Z 2026-01-02T00:00:00Z"},
                    Case{"cron(0 0 ? * FRI-MON *)", "2026-01-02T00:00:00Z", "UTC",
                         "2026-01-03T00:00:00Z 2026-01-04T00:00:00Z"},
                    Case{"cron(0/25 9 * * ? *)", "2026-01-01T09:25:00Z", "UTC",
                         "2026-01-01T09:50:00Z 2026-01-02T09:00:00Z"},
                    Case{"cron(0 0 29 2 ? *)", "2026-01-01T00:00:00Z", "UTC",
                         "2028-02-29T00:00:00Z 2032-02-29T00:00:00Z"},
                    Case{"cron(59 23 31 12 ? 2199)", "2026-01-01T00:00:00Z", "UTC",
                         "2199-12-31T23:59:00Z"},
                    Case{"cron(0 0 1 1 ? 1970)", "2026-01-01T00:00:00Z", "UTC", ""}));

class BadSchedule : public testing::TestWithParam<std::string> {};
TEST_P(BadSchedule, Parse_IsRefused) { EXPECT_FALSE(ParseSchedule(GetParam())); }
INSTANTIATE_TEST_SUITE_P(
    Kinds, BadSchedule,
    testing::Values("rate(1 minutes)", "rate(2 minute)", "rate(0 minutes)", "rate(-1 minutes)",
                    "rate(5  minutes)", "rate(5 Minutes)", "rate(5 seconds)", "rate( 5 minutes)",
                    "cron(0 3 * * * *)", "cron(0 3 ? * ? *)", "cron(0 3 * * ?)",
                    "cron(0 3 * * ? * *)", "cron(60 3 * * ? *)", "cron(0 24 * * ? *)",
                    "cron(0 0 0 * ? *)", "cron(0 0 1 13 ? *)", "cron(0 0 ? * 0 *)",
                    "cron(0 0 ? * 8 *)", "cron(0 0 ? * 2/2 *)", "cron(0 0 1 1 ? 2200)",
                    "cron(0  3 * * ? *)", "cron(0 0 ? * SAT#6 *)", "cron(0/0 0 1 1 ? *)",
                    "0 3 * * ? *", "cron(a 0 1 1 ? *)", "cron(0 0 1, 1 ? *)"));

}  // namespace
}  // namespace tatara::events
