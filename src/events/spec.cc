#include "events/spec.h"

#include "base/hash.h"
#include "base/strings.h"
#include "base/timezone.h"
#include "base/yaml_fields.h"
#include "events/pattern.h"
#include "events/schedule.h"
#include "events/template.h"

namespace tatara::events {
namespace {

void FailAt(YamlFields& fields, const Yaml& node, const std::string& rule, const Error& error) {
  Error at = YamlError(node, "rule '" + rule + "': " + error.message);
  at.code = error.code;
  fields.Fail(std::move(at));
}

void ReadTrigger(YamlFields& fields, const Yaml& node, RuleSpec& spec) {
  const Yaml* when = fields.Node("when");
  const Yaml* schedule = fields.Node("schedule");
  fields.Refuse("push", "is not in this version");
  if ((when == nullptr) == (schedule == nullptr)) {
    fields.Fail(YamlError(node, "rule '" + spec.name + "' needs one of 'when' and 'schedule'"));
  }
  if (when != nullptr) {
    spec.when = YamlToJson(*when);
    if (auto pattern = Pattern::FromJson(spec.when); !pattern) {
      FailAt(fields, *when, spec.name, pattern.error());
    }
  }
  if (schedule != nullptr) {
    spec.schedule = fields.TextOr("schedule", "");
    if (auto parsed = ParseSchedule(spec.schedule); !parsed) {
      FailAt(fields, *schedule, spec.name, parsed.error());
    }
  }
  spec.timezone = fields.TextOr("timezone", "UTC");
  if (auto zone = TimeZone::Find(spec.timezone); !zone) {
    FailAt(fields, *fields.Node("timezone"), spec.name, zone.error());
  }
}

Status CheckTexts(const Json& value) {
  if (value.IsString()) return CheckTemplate(value.AsString());
  if (value.IsArray()) {
    for (const Json& item : value.AsArray()) TRY(CheckTexts(item));
  } else if (value.IsObject()) {
    for (const auto& [name, item] : value.AsObject()) TRY(CheckTexts(item));
  }
  return {};
}

void ReadTarget(YamlFields& fields, const Yaml& node, RuleSpec& spec) {
  spec.run = fields.TextOr("run", "");
  spec.notify = fields.TextOr("notify", "");
  if (spec.run.empty() == spec.notify.empty()) {
    fields.Fail(YamlError(node, "rule '" + spec.name + "' needs one of 'run' and 'notify'"));
  }
  const Yaml* params = fields.Node("params");
  if (params == nullptr) return;
  if (!params->IsMap() || spec.run.empty()) {
    return fields.Fail(YamlError(
        *params, "'params' of rule '" + spec.name + "' must be a map, for a rule with 'run'"));
  }
  for (const auto& [key, value] : params->entries) {
    Json json = YamlToJson(value);
    if (Status checked = CheckTexts(json); !checked) {
      FailAt(fields, value, spec.name, checked.error());
    }
    spec.params.emplace_back(key.scalar, std::move(json));
  }
}

void ReadBlockedBy(YamlFields& fields, RuleSpec& spec) {
  const Yaml* node = fields.Node("blocked_by");
  if (node == nullptr) return;
  YamlFields inner(*node, "'blocked_by' of rule '" + spec.name + "'");
  spec.blocked_by = BlockedBy{inner.Text("event"), inner.TextOr("notify", "")};
  if (Status done = inner.Finish(); !done) fields.Fail(done.error());
}

void ReadLimits(YamlFields& fields, RuleSpec& spec) {
  const Yaml* node = fields.Node("limits");
  if (node == nullptr) return;
  YamlFields inner(*node, "'limits' of rule '" + spec.name + "'");
  const auto most = [&](std::string_view key) -> std::optional<int64_t> {
    const Yaml* value = inner.Node(key);
    if (value == nullptr) return std::nullopt;
    const int64_t count = inner.IntOr(key, 0);
    if (count < 1) inner.Fail(YamlError(*value, "'" + std::string(key) + "' must be at least 1"));
    return count;
  };
  if (inner.Node("cooldown") != nullptr) {
    spec.limits.cooldown = inner.DurationOr("cooldown", Duration(0));
  }
  spec.limits.per_hour = most("per_hour");
  spec.limits.per_day = most("per_day");
  spec.limits.per_week = most("per_week");
  spec.limits.per_month = most("per_month");
  const std::string concurrency = inner.TextOr("concurrency", "allow");
  if (concurrency != "forbid" && concurrency != "allow") {
    inner.Fail(YamlError(*inner.Node("concurrency"),
                         "'concurrency' is '" + concurrency + "': want forbid or allow"));
  }
  spec.limits.forbid_concurrency = concurrency == "forbid";
  if (Status done = inner.Finish(); !done) fields.Fail(done.error());
}

void ReadRepeat(YamlFields& fields, const Yaml& node, RuleSpec& spec) {
  const auto repeat = fields.OptionalText("repeat");
  if (!repeat) return;
  spec.repeat_while_on = true;
  if (*repeat != "while on") {
    fields.Fail(YamlError(*fields.Node("repeat"), "'repeat' of rule '" + spec.name + "' is '" +
                                                      *repeat + "': want \"while on\""));
  } else if (!spec.limits.cooldown || spec.when.IsNull()) {
    fields.Fail(YamlError(node, "rule '" + spec.name +
                                    "': 'repeat: while on' needs 'when' and limits.cooldown, "
                                    "which says how long to wait"));
  }
}

// ${NAME} and ${NAME:-default}.
Result<std::string> FillEnvironment(std::string_view text, const Lookup& lookup) {
  std::string out;
  for (;;) {
    const size_t begin = text.find("${");
    out += text.substr(0, begin);
    if (begin == std::string_view::npos) return out;
    const size_t end = text.find('}', begin);
    if (end == std::string_view::npos) return Invalid("'${' without '}'");
    const std::string_view inside = text.substr(begin + 2, end - begin - 2);
    const size_t colon = inside.find(":-");
    const std::string_view name = inside.substr(0, colon);
    const auto value = lookup(name);
    if (value && !(colon != std::string_view::npos && value->empty())) {
      out += *value;
    } else if (colon != std::string_view::npos) {
      out += inside.substr(colon + 2);
    } else {
      return Invalid("the environment has no " + std::string(name) + "; set it, or write ${" +
                     std::string(name) + ":-default}");
    }
    text.remove_prefix(end + 1);
  }
}

// scheme://host:port of a URL: the rest may hold secrets.
std::string OriginOf(const std::string& url) {
  const size_t scheme = url.find("://");
  if (scheme == std::string::npos) return "";
  std::string host = url.substr(scheme + 3);
  host = host.substr(0, host.find_first_of("/?#"));
  if (const size_t at = host.rfind('@'); at != std::string::npos) host = host.substr(at + 1);
  return url.substr(0, scheme + 3) + host;
}

}  // namespace

Result<RuleSpec> ParseRule(const std::string& name, const Yaml& node) {
  YamlFields fields(node, "rule '" + name + "'");
  RuleSpec spec;
  spec.name = name;
  ReadTrigger(fields, node, spec);
  ReadTarget(fields, node, spec);
  ReadBlockedBy(fields, spec);
  ReadLimits(fields, spec);
  ReadRepeat(fields, node, spec);
  TRY(fields.Finish());
  spec.source = YamlToJson(node);
  return spec;
}

Json ToJson(const RuleSpec& spec) { return spec.source; }

Result<NoticeSpec> ParseNotice(const std::string& name, const Yaml& node, const Lookup& lookup) {
  YamlFields fields(node, "notice '" + name + "'");
  fields.Refuse("email", "is not in this version; use 'webhook'");
  fields.Refuse("smtp", "is not in this version; use 'webhook'");
  NoticeSpec spec;
  spec.name = name;
  const auto read = [&](std::string_view key, const std::string& text) -> std::string {
    auto filled = FillEnvironment(text, lookup);
    if (filled) return *filled;
    fields.Fail(YamlError(*fields.Node(key), "notice '" + name + "', '" + std::string(key) +
                                                 "': " + filled.error().message));
    return "";
  };
  const bool has_webhook = fields.RequiredNode("webhook") != nullptr;
  if (has_webhook) spec.webhook = read("webhook", fields.TextOr("webhook", ""));
  spec.secret = read("secret", fields.TextOr("secret", ""));
  const bool http = spec.webhook.starts_with("http://") || spec.webhook.starts_with("https://");
  if (has_webhook && !spec.webhook.empty() && !http) {
    fields.Fail(YamlError(*fields.Node("webhook"),
                          "notice '" + name + "': 'webhook' must be an http or https URL"));
  }
  TRY(fields.Finish());
  return spec;
}

Json ToJson(const NoticeSpec& spec) {
  return Json::Of({{"webhook", OriginOf(spec.webhook)},
                   {"signed", !spec.secret.empty()},
                   {"digest", Sha256(spec.webhook + "\n" + spec.secret).substr(0, 16)}});
}

}  // namespace tatara::events
