#include "base/posix_zone.h"

#include <gtest/gtest.h>

#include "base/time.h"

namespace tatara {
namespace {

std::chrono::sys_seconds At(std::string_view text) {
  return std::chrono::floor<std::chrono::seconds>(*ParseTime(text));
}

struct Case {
  std::string_view footer;
  std::string_view instant;
  int minutes;  // the offset wanted
};

// The instants are the second before a change and the change itself, as zoneinfo has them.
TEST(PosixZone, OffsetAt_AroundChanges) {
  constexpr Case kCases[] = {
      {"EST5EDT,M3.2.0,M11.1.0", "2040-03-11T06:59:59Z", -300},
      {"EST5EDT,M3.2.0,M11.1.0", "2040-03-11T07:00:00Z", -240},
      {"EST5EDT,M3.2.0,M11.1.0", "2040-11-04T05:59:59Z", -240},
      {"EST5EDT,M3.2.0,M11.1.0", "2040-11-04T06:00:00Z", -300},
      // The last Sunday of a month; the southern half, where the summer spans the new year.
      {"CET-1CEST,M3.5.0,M10.5.0/3", "2038-03-28T01:00:00Z", 120},
      {"CET-1CEST,M3.5.0,M10.5.0/3", "2038-10-31T01:00:00Z", 60},
      {"AEST-10AEDT,M10.1.0,M4.1.0/3", "2041-01-01T00:00:00Z", 660},
      {"AEST-10AEDT,M10.1.0,M4.1.0/3", "2041-07-01T00:00:00Z", 600},
      // Half an hour, names in brackets, a time before the day begins.
      {"<+1030>-10:30<+11>-11,M10.1.0,M4.1.0", "2041-01-01T00:00:00Z", 660},
      {"<-02>2<-01>,M3.5.0/-1,M10.5.0/0", "2040-03-25T00:59:59Z", -120},
      {"<-02>2<-01>,M3.5.0/-1,M10.5.0/0", "2040-03-25T01:00:00Z", -60},
  };
  for (const auto& [footer, instant, minutes] : kCases) {
    const auto zone = PosixZone::Parse(footer);
    ASSERT_TRUE(zone) << footer;
    EXPECT_EQ(zone->OffsetAt(At(instant)), std::chrono::minutes(minutes))
        << footer << " " << instant;
  }
}

TEST(PosixZone, Parse_NothingWithoutARuleOrForBadText) {
  for (const std::string_view footer :
       {"", "UTC0", "JST-9", "EST5EDT", "EST5EDT,M13.1.0,M11.1.0", "EST5EDT,M3.2.7,M11.1.0",
        "EST5EDT,M3.6.0,M11.1.0", "EST5EDT,M3.2.0", "EST5EDT,M3.2.0,M11.1.0,x", "<+03", "5"}) {
    EXPECT_FALSE(PosixZone::Parse(footer)) << footer;
  }
}

}  // namespace
}  // namespace tatara
