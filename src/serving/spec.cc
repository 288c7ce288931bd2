#include "serving/spec.h"

#include "base/strings.h"
#include "base/yaml_fields.h"

namespace tatara::serving {
namespace {

bool IsNameCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
         c == '_' || c == '-';
}

// "100%", "12.5%" or a plain number of percent.
Result<double> ParsePercent(const std::string& text) {
  std::string_view digits = Trim(text);
  if (digits.ends_with('%')) digits.remove_suffix(1);
  double percent = 0;
  if (!ParseDouble(digits, percent) || !(percent >= 0 && percent <= 100)) {
    return Invalid("sample: '" + text + "' is no share between 0% and 100%");
  }
  return percent;
}

Result<double> ParseCapture(const Yaml& node, const std::string& where) {
  YamlFields fields(node, where + ": capture");
  const Yaml* sample = fields.Node("sample");
  const std::string text = fields.TextOr("sample", "100%");
  TRY(fields.Finish());
  auto percent = ParsePercent(text);
  if (!percent) {
    return std::unexpected(YamlError(sample != nullptr ? *sample : node, percent.error().message));
  }
  return percent;
}

}  // namespace

Status CheckEndpointName(std::string_view name) {
  bool fine =
      !name.empty() && name.size() <= 63 && name[0] != '.' && name[0] != '_' && name[0] != '-';
  for (const char c : name) fine = fine && IsNameCharacter(c);
  if (fine) return {};
  return Invalid("'" + std::string(name) +
                 "' is no name for an endpoint: letters, digits, '.', '_' and '-', the first a "
                 "letter or digit, at most 63");
}

Result<ModelUri> ParseModelUri(std::string_view uri) {
  const auto bad = [&] {
    return Invalid("'" + std::string(uri) +
                   "' is no model to serve: models:/NAME@ALIAS or models:/NAME/VERSION");
  };
  if (!uri.starts_with("models:/")) return bad();
  const std::string_view rest = uri.substr(8);
  const size_t slash = rest.find('/');
  ModelUri out;
  if (slash != std::string_view::npos) {
    out.model = rest.substr(0, slash);
    if (!ParseInt(rest.substr(slash + 1), out.version) || out.version < 1) return bad();
  } else {
    const size_t at = rest.rfind('@');
    if (at == std::string_view::npos) return bad();
    out.model = rest.substr(0, at);
    out.alias = rest.substr(at + 1);
    if (out.alias.empty()) return bad();
  }
  if (out.model.empty()) return bad();
  return out;
}

Result<EndpointSpec> ParseEndpoint(const std::string& name, const Yaml& node) {
  const std::string where = "endpoint '" + name + "'";
  if (Status fine = CheckEndpointName(name); !fine) {
    return std::unexpected(YamlError(node, fine.error().message));
  }
  YamlFields fields(node, where);
  EndpointSpec spec;
  spec.name = name;
  const Yaml* model = fields.RequiredNode("model");
  spec.model = fields.Text("model");
  const Yaml* capture = fields.Node("capture");
  const Yaml* keep = fields.Node("keep_versions");
  spec.keep_versions = fields.IntOr("keep_versions", kKeepVersions);
  fields.Refuse("rollout", "is not in this version; a new version takes all traffic at once");
  TRY(fields.Finish());
  if (auto uri = ParseModelUri(spec.model); !uri) {
    return std::unexpected(YamlError(*model, where + ": model: " + uri.error().message +
                                                 " (a file is served with `tatara deploy`)"));
  }
  if (spec.keep_versions < 1 || spec.keep_versions > 100) {
    return std::unexpected(YamlError(*keep, where + ": keep_versions must be 1 to 100"));
  }
  if (capture != nullptr) spec.sample = TRY(ParseCapture(*capture, where));
  return spec;
}

Json ToJson(const EndpointSpec& spec) {
  return Json::Of({{"name", spec.name},
                   {"model", spec.model},
                   {"sample", spec.sample},
                   {"keep_versions", spec.keep_versions}});
}

}  // namespace tatara::serving
