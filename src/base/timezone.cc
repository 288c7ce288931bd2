#include "base/timezone.h"

#include <date/tz.h>

namespace tatara {
namespace {

const date::time_zone& Zone(const void* zone) { return *static_cast<const date::time_zone*>(zone); }

date::local_time<Duration> ToDate(LocalTime local) {
  return date::local_time<Duration>(local.time_since_epoch());
}

}  // namespace

TimeZone::TimeZone() : zone_(date::locate_zone("Etc/UTC")) {}

Result<TimeZone> TimeZone::Find(std::string_view name) {
  try {
    TimeZone found;
    found.zone_ = date::locate_zone(std::string(name));
    return found;
  } catch (const std::exception&) {
    return Invalid("unknown time zone '" + std::string(name) +
                   "': want an IANA name such as Europe/Oslo (is tzdata installed?)");
  }
}

std::string_view TimeZone::name() const { return Zone(zone_).name(); }

LocalTime TimeZone::ToLocal(Time time) const {
  return LocalTime(Zone(zone_).to_local(time).time_since_epoch());
}

std::vector<Time> TimeZone::ToInstants(LocalTime local) const {
  const date::local_info info = Zone(zone_).get_info(ToDate(local));
  const auto at = [&](const date::sys_info& part) {
    return Time(local.time_since_epoch() - std::chrono::duration_cast<Duration>(part.offset));
  };
  switch (info.result) {
    case date::local_info::unique:
      return {at(info.first)};
    case date::local_info::ambiguous:
      return {at(info.first), at(info.second)};
    default:
      return {};
  }
}

Time TimeZone::DayStart(Time time) const {
  const auto day = std::chrono::floor<std::chrono::days>(ToLocal(time));
  const std::vector<Time> instants = ToInstants(LocalTime(day));
  if (!instants.empty()) return instants.front();
  const date::local_info info = Zone(zone_).get_info(ToDate(LocalTime(day)));
  return Time(info.second.begin);  // midnight falls into a gap: the day begins where the gap ends
}

Time TimeZone::NextDayStart(Time time) const {
  // 36 hours after a day's start is always within the next day.
  return DayStart(DayStart(time) + std::chrono::hours(36));
}

std::string FormatLocalDate(Time time, const TimeZone& zone) {
  return FormatTime(Time(zone.ToLocal(time).time_since_epoch())).substr(0, 10);
}

}  // namespace tatara
