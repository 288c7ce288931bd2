// ${...} in the parameters of a rule's run. Private to events; pure.
//
//   ${day}  ${day - 90d}  ${day + 1d}     the local date of the causing event, YYYY-MM-DD
//   ${event.id|time|source|type|subject}  ${event.detail.a.b}
#pragma once

#include <string>
#include <string_view>

#include "base/timezone.h"
#include "events/log.h"

namespace tatara::events {

// An expression that does not exist is an error that names it.
Status CheckTemplate(std::string_view text);
Result<std::string> FillTemplate(std::string_view text, const Event& event, const TimeZone& zone);
// All texts of a value.
Result<Json> FillTemplates(const Json& value, const Event& event, const TimeZone& zone);

}  // namespace tatara::events
