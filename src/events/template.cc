#include "events/template.h"

#include <functional>

#include "base/strings.h"

namespace tatara::events {
namespace {

// Replaces each ${expression} by what `value` says of it.
Result<std::string> Replace(std::string_view text,
                            const std::function<Result<std::string>(std::string_view)>& value) {
  std::string out;
  for (;;) {
    const size_t begin = text.find("${");
    out += text.substr(0, begin);
    if (begin == std::string_view::npos) return out;
    const size_t end = text.find('}', begin);
    if (end == std::string_view::npos) {
      return Invalid("'" + std::string(text) + "': '${' without '}'");
    }
    out += TRY(value(Trim(text.substr(begin + 2, end - begin - 2))));
    text.remove_prefix(end + 1);
  }
}

std::unexpected<Error> Unknown(std::string_view expression) {
  return Invalid("'${" + std::string(expression) +
                 "}' is not known: want ${day}, ${day - 90d}, ${event.time} or ${event.detail.x}");
}

// The days after "day", such as "- 90d".
Result<int64_t> DayOffset(std::string_view expression) {
  std::string_view rest = Trim(expression.substr(3));
  if (rest.empty()) return 0;
  const bool minus = rest[0] == '-';
  if (!minus && rest[0] != '+') return Unknown(expression);
  rest = Trim(rest.substr(1));
  int64_t days = 0;
  constexpr int64_t kDaysMax = 100'000;
  if (!rest.ends_with('d') || !ParseInt(rest.substr(0, rest.size() - 1), days) || days < 0 ||
      days > kDaysMax) {
    return Unknown(expression);
  }
  return minus ? -days : days;
}

bool IsEventField(std::string_view name) {
  return name == "id" || name == "time" || name == "source" || name == "type" ||
         name == "subject" || name.starts_with("detail.");
}

Result<std::string> EventField(std::string_view name, const Event& event) {
  const Json json = ToJson(event);
  const Json* at = &json;
  for (const std::string& step : Split(name, '.')) {
    at = at->Find(step);
    if (at == nullptr) return NotFound("the event has no '" + std::string(name) + "'");
  }
  return at->IsString() ? at->AsString() : at->Dump();
}

}  // namespace

Status CheckTemplate(std::string_view text) {
  const auto check = [](std::string_view expression) -> Result<std::string> {
    if (expression.starts_with("event.") && IsEventField(expression.substr(6))) return "";
    if (!expression.starts_with("day")) return Unknown(expression);
    TRY(DayOffset(expression));
    return "";
  };
  TRY(Replace(text, check));
  return {};
}

Result<std::string> FillTemplate(std::string_view text, const Event& event, const TimeZone& zone) {
  return Replace(text, [&](std::string_view expression) -> Result<std::string> {
    if (expression.starts_with("event.")) return EventField(expression.substr(6), event);
    const std::chrono::days offset(TRY(DayOffset(expression)));
    const auto day = std::chrono::floor<std::chrono::days>(zone.ToLocal(event.time)) + offset;
    return FormatTime(Time(day.time_since_epoch())).substr(0, 10);
  });
}

Result<Json> FillTemplates(const Json& value, const Event& event, const TimeZone& zone) {
  if (value.IsString()) return Json(TRY(FillTemplate(value.AsString(), event, zone)));
  Json out = value;
  if (out.IsArray()) {
    for (Json& item : out.AsArray()) item = TRY(FillTemplates(item, event, zone));
  } else if (out.IsObject()) {
    for (auto& [name, item] : out.AsObject()) item = TRY(FillTemplates(item, event, zone));
  }
  return out;
}

}  // namespace tatara::events
