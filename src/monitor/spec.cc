#include "monitor/spec.h"

#include "base/strings.h"
#include "base/yaml_fields.h"

namespace tatara::monitor {
namespace {

// "50%", "0.5"
Result<double> ParseShare(const std::string& text) {
  const bool percent = text.ends_with('%');
  double value = 0;
  if (!ParseDouble(percent ? text.substr(0, text.size() - 1) : text, value)) {
    return Invalid("'" + text + "' is no share: want 50% or 0.5");
  }
  if (percent) value /= 100;
  if (value < 0 || value > 1) return Invalid("'" + text + "' is no share between 0 and 100%");
  return value;
}

void ParseTruth(const Yaml& node, MonitorSpec& spec, YamlFields& fields) {
  YamlFields truth(node, "truth of monitor '" + spec.name + "'");
  spec.truth_wait = truth.DurationOr("wait", Duration(0));
  if (auto text = truth.OptionalText("minimum")) {
    auto share = ParseShare(*text);
    if (share)
      spec.truth_minimum = *share;
    else
      truth.Fail(YamlError(*node.Find("minimum"), share.error().message));
  }
  if (Status done = truth.Finish(); !done) fields.Fail(done.error());
}

void ParseExpect(const Yaml& node, MonitorSpec& spec, YamlFields& fields) {
  if (!node.IsMap()) {
    return fields.Fail(YamlError(
        node, "expect of monitor '" + spec.name + "' must be a map of rule: SQL condition"));
  }
  for (const auto& [key, value] : node.entries) {
    if (!value.IsScalar() || value.scalar.empty()) {
      return fields.Fail(
          YamlError(value, "expect rule '" + key.scalar + "' must be an SQL condition, or 'auto'"));
    }
    const bool automatic = value.scalar == "auto";
    if (automatic && key.scalar != "complete") {
      return fields.Fail(YamlError(value, "only the rule 'complete' can be 'auto'"));
    }
    spec.expect.push_back({key.scalar, automatic ? "" : value.scalar});
  }
}

}  // namespace

std::string QueryOf(const ExpectRule& rule) {
  return "SELECT CAST((" + rule.sql + ") AS BOOLEAN) FROM window_rows";
}

Result<MonitorSpec> ParseMonitor(const std::string& name, const Yaml& node) {
  YamlFields fields(node, "monitor '" + name + "'");
  MonitorSpec spec;
  spec.name = name;
  spec.endpoint = fields.Text("endpoint");
  spec.baseline = fields.TextOr("baseline", "");
  spec.every = fields.DurationOr("every", spec.every);
  spec.timezone = fields.TextOr("timezone", spec.timezone);
  if (const Yaml* truth = fields.Node("truth")) ParseTruth(*truth, spec, fields);
  if (const Yaml* expect = fields.Node("expect")) ParseExpect(*expect, spec, fields);
  if (auto zone = TimeZone::Find(spec.timezone); !zone) {
    fields.Fail(YamlError(node, "monitor '" + name + "': " + zone.error().message));
  }
  if (spec.every < std::chrono::minutes(1)) {
    fields.Fail(YamlError(node, "monitor '" + name + "': every must be 1m or more"));
  }
  TRY(fields.Finish());
  return spec;
}

Json ToJson(const MonitorSpec& spec) {
  Json expect = Json::MakeObject();
  for (const ExpectRule& rule : spec.expect) {
    expect.Set(rule.name, rule.sql.empty() ? "auto" : rule.sql);
  }
  return Json::Of({{"name", spec.name},
                   {"endpoint", spec.endpoint},
                   {"baseline", spec.baseline},
                   {"every", FormatDuration(spec.every)},
                   {"timezone", spec.timezone},
                   {"truth_wait_us", spec.truth_wait.count()},
                   {"truth_minimum", spec.truth_minimum},
                   {"expect", std::move(expect)}});
}

Result<MonitorSpec> FromJson(const Json& json) {
  MonitorSpec spec;
  spec.name = TRY(json.GetString("name"));
  spec.endpoint = TRY(json.GetString("endpoint"));
  spec.baseline = TRY(json.GetString("baseline"));
  spec.every = TRY(ParseDuration(TRY(json.GetString("every"))));
  spec.timezone = TRY(json.GetString("timezone"));
  spec.truth_wait = Duration(TRY(json.GetInt("truth_wait_us")));
  spec.truth_minimum = TRY(json.GetDouble("truth_minimum"));
  for (const auto& [name, sql] : json.Find("expect")->AsObject()) {
    spec.expect.push_back({name, sql.AsString() == "auto" ? "" : sql.AsString()});
  }
  return spec;
}

}  // namespace tatara::monitor
