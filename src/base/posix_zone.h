// The rule that holds after a zone's last listed transition: the footer of its tzdata file, in the
// form of POSIX's TZ ("EST5EDT,M3.2.0,M11.1.0", RFC 9636 3.3.1). Pure and immutable: any thread.
#pragma once

#include <chrono>
#include <optional>
#include <string_view>

namespace tatara {

class PosixZone {
 public:
  // Nothing for a text without a daylight rule (the offset never changes) and for one that is none.
  static std::optional<PosixZone> Parse(std::string_view footer);

  // Local time less UTC at an instant.
  std::chrono::seconds OffsetAt(std::chrono::sys_seconds instant) const;
  std::chrono::seconds standard() const { return standard_; }
  std::chrono::seconds daylight() const { return daylight_; }

  // When a half of the year begins.
  struct Change {
    enum class Kind { kWeekday, kDayWithoutLeap, kDay };  // Mm.w.d, Jn, n
    Kind kind = Kind::kWeekday;
    int month = 0, week = 0, day = 0;  // week 5 = the last; day 0 = Sunday, or of the year
    std::chrono::seconds time{7200};   // of the wall clock; may lie outside the day
    std::chrono::local_seconds In(int year) const;
  };

 private:
  std::chrono::seconds standard_{}, daylight_{};
  Change begin_, end_;  // of daylight saving
};

}  // namespace tatara
