#include "base/timezone.h"

#include <date/tz.h>

#include <algorithm>
#include <fstream>
#include <iterator>

namespace tatara {
namespace {

const date::time_zone& Zone(const void* zone) { return *static_cast<const date::time_zone*>(zone); }

date::local_time<Duration> ToDate(LocalTime local) {
  return date::local_time<Duration>(local.time_since_epoch());
}

// The library reads the listed transitions and not the rule behind them.
bool IsBehindTheList(const date::sys_info& info) {
  return info.end > date::sys_days(date::year(9999) / 1 / 1);
}

std::shared_ptr<const PosixZone> RuleOf(const std::string& name) {
  std::ifstream file("/usr/share/zoneinfo/" + name, std::ios::binary);
  std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  if (!text.ends_with('\n')) return nullptr;
  text.pop_back();
  const auto rule = PosixZone::Parse(std::string_view(text).substr(text.rfind('\n') + 1));
  return rule ? std::make_shared<const PosixZone>(*rule) : nullptr;
}

std::vector<Time> InstantsOf(const PosixZone& rule, LocalTime local) {
  std::vector<Time> out;
  for (const auto offset :
       {std::max(rule.standard(), rule.daylight()), std::min(rule.standard(), rule.daylight())}) {
    const Time instant(local.time_since_epoch() - offset);
    if (rule.OffsetAt(std::chrono::floor<std::chrono::seconds>(instant)) == offset) {
      out.push_back(instant);
    }
  }
  return out;
}

// Where the gap that holds `local` ends; clocks change at whole minutes.
Time EndOfGap(const PosixZone& rule, LocalTime local) {
  auto at = std::chrono::floor<std::chrono::minutes>(
      Time(local.time_since_epoch() - std::max(rule.standard(), rule.daylight())));
  const auto before = rule.OffsetAt(at);
  while (rule.OffsetAt(at) == before) at += std::chrono::minutes(1);
  return at;
}

}  // namespace

TimeZone::TimeZone() : zone_(date::locate_zone("Etc/UTC")) {}

Result<TimeZone> TimeZone::Find(std::string_view name) {
  try {
    TimeZone found;
    found.zone_ = date::locate_zone(std::string(name));
    found.later_ = RuleOf(std::string(name));
    return found;
  } catch (const std::exception&) {
    return Invalid("unknown time zone '" + std::string(name) +
                   "': want an IANA name such as Europe/Oslo (is tzdata installed?)");
  }
}

std::string_view TimeZone::name() const { return Zone(zone_).name(); }

LocalTime TimeZone::ToLocal(Time time) const {
  const date::sys_info info = Zone(zone_).get_info(time);
  std::chrono::seconds offset = info.offset;
  if (later_ && IsBehindTheList(info)) {
    offset = later_->OffsetAt(std::chrono::floor<std::chrono::seconds>(time));
  }
  return LocalTime(time.time_since_epoch() + offset);
}

std::vector<Time> TimeZone::ToInstants(LocalTime local) const {
  const date::local_info info = Zone(zone_).get_info(ToDate(local));
  const auto at = [&](const date::sys_info& part) {
    return Time(local.time_since_epoch() - std::chrono::duration_cast<Duration>(part.offset));
  };
  switch (info.result) {
    case date::local_info::unique:
      if (later_ && IsBehindTheList(info.first)) return InstantsOf(*later_, local);
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
  if (info.result == date::local_info::unique) return EndOfGap(*later_, LocalTime(day));
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
