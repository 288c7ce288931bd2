#include "base/yaml_fields.h"
#include "evaluation/evaluation.h"
#include "registry/registry.h"
#include "release/condition.h"
#include "release/release.h"

namespace tatara::release {
namespace {

Result<GateSpec> ParseGate(const Yaml& node) {
  YamlFields fields(node, "gate");
  GateSpec gate;
  gate.data = fields.Text("data");
  gate.label = fields.Text("label");
  gate.metric = fields.Text("metric");
  gate.group = fields.TextOr("group", "");
  gate.first = fields.TextOr("first", "");
  gate.resamples = fields.IntOr("resamples", gate.resamples);
  gate.seed = fields.IntOr("seed", gate.seed);
  gate.confidence = fields.DoubleOr("confidence", gate.confidence);
  gate.min_rows = fields.IntOr("min_rows", gate.min_rows);
  gate.min_groups = fields.IntOr("min_groups", gate.min_groups);
  TRY(fields.Finish());
  if (Status known = evaluation::CheckMetricName(gate.metric); !known) {
    return std::unexpected(YamlError(*node.Find("metric"), "gate: " + known.error().message));
  }
  if (!gate.first.empty()) {
    if (Status sound = CheckCondition(gate.first); !sound) {
      return std::unexpected(YamlError(*node.Find("first"), sound.error().message));
    }
  }
  if (!(gate.confidence > 0 && gate.confidence < 1)) {
    return std::unexpected(YamlError(node, "gate: confidence must lie between 0 and 1"));
  }
  if (gate.resamples < 2) {
    return std::unexpected(YamlError(node, "gate: resamples must be 2 or more"));
  }
  return gate;
}

}  // namespace

Result<std::optional<ReleaseSpec>> ParseRelease(const Yaml* register_node, const Yaml* gate_node,
                                                const Yaml* promote_node) {
  if (register_node == nullptr) {
    for (const Yaml* node : {gate_node, promote_node}) {
      if (node != nullptr) {
        return std::unexpected(YamlError(*node, "gate and promote want register: {model, run}"));
      }
    }
    return std::nullopt;
  }
  ReleaseSpec spec;
  YamlFields fields(*register_node, "register");
  spec.model = fields.Text("model");
  spec.run = fields.Text("run");
  TRY(fields.Finish());
  if (gate_node != nullptr) spec.gate = TRY(ParseGate(*gate_node));
  if (promote_node != nullptr) {
    if (!promote_node->IsScalar() || promote_node->scalar.empty()) {
      return std::unexpected(YamlError(*promote_node, "promote wants the name of an alias"));
    }
    spec.promote = promote_node->scalar;
    if (Status fine = registry::CheckAliasName(spec.promote); !fine) {
      return std::unexpected(YamlError(*promote_node, "promote: " + fine.error().message));
    }
  }
  if (spec.gate && spec.promote.empty()) {
    return std::unexpected(YamlError(*gate_node, "a gate judges against an alias: add promote:"));
  }
  return spec;
}

Json ToJson(const ReleaseSpec& spec) {
  Json json = Json::Of({{"model", spec.model}, {"run", spec.run}, {"promote", spec.promote}});
  if (!spec.gate) return json;
  const GateSpec& gate = *spec.gate;
  json.Set("gate", Json::Of({{"data", gate.data},
                             {"label", gate.label},
                             {"metric", gate.metric},
                             {"group", gate.group},
                             {"first", gate.first},
                             {"resamples", gate.resamples},
                             {"seed", gate.seed},
                             {"confidence", gate.confidence},
                             {"min_rows", gate.min_rows},
                             {"min_groups", gate.min_groups}}));
  return json;
}

Result<ReleaseSpec> FromJson(const Json& json) {
  ReleaseSpec spec;
  spec.model = TRY(json.GetString("model"));
  spec.run = TRY(json.GetString("run"));
  spec.promote = TRY(json.GetStringOr("promote", ""));
  const Json* gate = json.Find("gate");
  if (gate == nullptr || gate->IsNull()) return spec;
  spec.gate = GateSpec{.data = TRY(gate->GetString("data")),
                       .label = TRY(gate->GetString("label")),
                       .metric = TRY(gate->GetString("metric")),
                       .group = TRY(gate->GetStringOr("group", "")),
                       .first = TRY(gate->GetStringOr("first", "")),
                       .resamples = TRY(gate->GetInt("resamples")),
                       .seed = TRY(gate->GetInt("seed")),
                       .confidence = TRY(gate->GetDouble("confidence")),
                       .min_rows = TRY(gate->GetInt("min_rows")),
                       .min_groups = TRY(gate->GetInt("min_groups"))};
  return spec;
}

}  // namespace tatara::release
