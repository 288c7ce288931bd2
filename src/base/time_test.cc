#include "base/time.h"

#include <gtest/gtest.h>

#include "base/timezone.h"

namespace tatara {
namespace {

TEST(Time, Parse_AndFormat_AreInverse) {
  const std::pair<const char*, const char*> cases[] = {
      {"2013-04-01", "2013-04-01T00:00:00Z"},
      {"2013-04-01T08:15:00Z", "2013-04-01T08:15:00Z"},
      {"2013-04-01 08:15", "2013-04-01T08:15:00Z"},
      {"2013-04-01T08:15:00.125+02:00", "2013-04-01T06:15:00.125Z"},
      {"2013-04-01T08:15:00-0400", "2013-04-01T12:15:00Z"},
      {"1969-12-31T23:59:59.999999Z", "1969-12-31T23:59:59.999999Z"},
  };
  for (const auto& [text, wanted] : cases) {
    auto time = ParseTime(text);
    ASSERT_TRUE(time) << text;
    EXPECT_EQ(FormatTime(*time), wanted);
  }
}

TEST(Time, Parse_RefusesWhatIsNoTime) {
  for (const char* text : {"", "2013", "2013-13-01", "2013-02-30", "2013-01-01T25:00:00Z",
                           "2013-01-01T00:00:00ZZ", "2013-01-01T00:00:00.Z", "yesterday"}) {
    EXPECT_FALSE(ParseTime(text)) << text;
  }
}

TEST(Duration, Parse_TakesOneNumberAndOneUnit) {
  EXPECT_EQ(ParseDuration("90s")->count(), 90'000'000);
  EXPECT_EQ(ParseDuration("14d")->count(), 14 * 86'400'000'000LL);
  for (const char* text : {"", "0s", "-1h", "1", "1 h", "1w", "1h30m", "9999999999999d"}) {
    EXPECT_FALSE(ParseDuration(text)) << text;
  }
  EXPECT_EQ(FormatDuration(std::chrono::minutes(90)), "90m");
}

TEST(TimeZone, DayStart_FollowsTheLocalDay) {
  const TimeZone york = *TimeZone::Find("America/New_York");
  const Time evening = *ParseTime("2013-07-02T02:30:00Z");  // July 1, 22:30 in New York
  EXPECT_EQ(FormatLocalDate(evening, york), "2013-07-01");
  EXPECT_EQ(FormatTime(york.DayStart(evening)), "2013-07-01T04:00:00Z");
  EXPECT_EQ(FormatTime(york.NextDayStart(evening)), "2013-07-02T04:00:00Z");
}

TEST(TimeZone, DaysOfClockChanges_Have23And25Hours) {
  const TimeZone york = *TimeZone::Find("America/New_York");
  const auto hours = [&](const char* noon) {
    const Time time = *ParseTime(noon);
    return std::chrono::floor<std::chrono::hours>(york.NextDayStart(time) - york.DayStart(time))
        .count();
  };
  EXPECT_EQ(hours("2013-03-10T16:00:00Z"), 23);
  EXPECT_EQ(hours("2013-11-03T16:00:00Z"), 25);
}

TEST(TimeZone, ToInstants_OfGapsAndDoubles) {
  const TimeZone york = *TimeZone::Find("America/New_York");
  const auto local = [](const char* text) {
    return LocalTime(ParseTime(text)->time_since_epoch());
  };
  EXPECT_TRUE(york.ToInstants(local("2013-03-10T02:30:00")).empty());
  EXPECT_EQ(york.ToInstants(local("2013-11-03T01:30:00")).size(), 2u);
  EXPECT_FALSE(TimeZone::Find("Mars/Olympus"));
}

}  // namespace
}  // namespace tatara
