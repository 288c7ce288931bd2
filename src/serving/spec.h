// What a project, or `tatara deploy`, says about an endpoint.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/json.h"
#include "base/yaml.h"

namespace tatara::serving {

constexpr int64_t kKeepVersions = 3;

// One entry under `endpoints:` in tatara.yaml.
struct EndpointSpec {
  std::string name;
  std::string model;    // models:/NAME@ALIAS or models:/NAME/N
  double sample = 100;  // percent of the requests that are captured
  int64_t keep_versions = kKeepVersions;
  bool operator==(const EndpointSpec&) const = default;
};
// kInvalid and kUnsupported name the line.
Result<EndpointSpec> ParseEndpoint(const std::string& name, const Yaml& node);
Json ToJson(const EndpointSpec& spec);

// "models:/NAME/N" and "models:/NAME@ALIAS", taken apart.
struct ModelUri {
  std::string model;
  std::string alias;    // empty: a version is named
  int64_t version = 0;  // 0: an alias is named
};
Result<ModelUri> ParseModelUri(std::string_view uri);

// Letters, digits, '.', '_' and '-', the first a letter or digit, at most 63: it is part of paths,
// URLs and the view's name.
Status CheckEndpointName(std::string_view name);

}  // namespace tatara::serving
