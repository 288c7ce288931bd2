// The limits of what may be logged, with MLflow's messages (its tests and users compare them).
// Pure functions. Lengths count characters, not bytes.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "tracking/types.h"

namespace tatara::tracking {

inline constexpr int64_t kKeyLengthMax = 250;
inline constexpr int64_t kParamValueLengthMax = 6000;
inline constexpr int64_t kTagValueLengthMax = 8000;
inline constexpr int64_t kExperimentNameLengthMax = 500;
inline constexpr int64_t kExperimentTagValueLengthMax = 20000;
inline constexpr int64_t kBatchMetricsMax = 1000;
inline constexpr int64_t kBatchParamsMax = 100;
inline constexpr int64_t kBatchTagsMax = 100;
inline constexpr int64_t kBatchEntitiesMax = 1000;

// "Invalid value <json> for parameter '<path>' supplied: <message>".
std::string InvalidValue(std::string_view path, std::string_view json, std::string_view message);

// A metric, param or tag name: letters, digits, `_ - . : /` and blanks, equal to its own
// normalised path.
Status CheckName(std::string_view name, std::string_view path);
Status CheckLength(std::string_view what, int64_t length_max, std::string_view value);
void TruncateCharacters(std::string& value, int64_t length_max);

Status CheckMetric(const Metric& metric, std::string_view path);
Status CheckParam(KeyValue& param, std::string_view path);  // truncates the value
Status CheckTag(KeyValue& tag, std::string_view path);      // truncates the value
Status CheckExperimentName(std::string_view name);
Status CheckExperimentTag(const KeyValue& tag);
Status CheckRunId(std::string_view id);
Status CheckDataset(const DatasetInput& input);
Status CheckLoggedModelName(std::string_view name);

// As Python's posixpath.normpath.
std::string NormalPath(std::string_view path);

}  // namespace tatara::tracking
