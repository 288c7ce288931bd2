#include "tracking/validate.h"

#include <algorithm>
#include <vector>

#include "base/json.h"
#include "base/strings.h"

namespace tatara::tracking {
namespace {

constexpr std::string_view kBadCharacters =
    "Names may only contain alphanumerics, underscores (_), dashes (-), periods (.), spaces ( ), "
    "colon(:) and slashes (/).";

bool IsContinuation(char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; }

int64_t CharacterCount(std::string_view text) {
  return std::ranges::count_if(text, [](char c) { return !IsContinuation(c); });
}

bool IsNameByte(char c) {
  const auto byte = static_cast<unsigned char>(c);
  if (byte >= 0x80) return true;  // letters of other scripts
  return std::isalnum(byte) || c == '_' || c == '-' || c == '.' || c == ' ' || c == ':' || c == '/';
}

std::string Quoted(std::string_view text) {
  std::string out;
  AppendJsonString(out, text);
  return out;
}

std::string At(std::string_view path, std::string_view member) {
  return path.empty() ? std::string(member) : std::string(path) + "." + std::string(member);
}

}  // namespace

std::string InvalidValue(std::string_view path, std::string_view json, std::string_view message) {
  std::string out =
      "Invalid value " + std::string(json) + " for parameter '" + std::string(path) + "' supplied";
  return message.empty() ? out + "." : out + ": " + std::string(message);
}

std::string NormalPath(std::string_view path) {
  if (path.empty()) return ".";
  // Two leading slashes, and only two, are kept by POSIX.
  std::string root = path.starts_with('/') ? "/" : "";
  if (path.starts_with("//") && !path.starts_with("///")) root = "//";
  std::vector<std::string> kept;
  for (auto& part : Split(path, '/')) {
    if (part.empty() || part == ".") continue;
    if (part != ".." || (root.empty() && (kept.empty() || kept.back() == ".."))) {
      kept.push_back(std::move(part));
    } else if (!kept.empty()) {
      kept.pop_back();
    }
  }
  const std::string out = root + Join(kept, "/");
  return out.empty() ? "." : out;
}

Status CheckName(std::string_view name, std::string_view path) {
  if (!std::ranges::all_of(name, IsNameByte)) {
    return Invalid(InvalidValue(path, Quoted(name), kBadCharacters));
  }
  const std::string normal = NormalPath(name);
  if (normal != name || normal == "." || normal.starts_with("..") || normal.starts_with("/")) {
    return Invalid(InvalidValue(
        path, Quoted(name),
        "Names may be treated as files in certain cases, and must not resolve to other names when "
        "treated as such. This name would resolve to '" +
            normal + "'"));
  }
  return {};
}

Status CheckLength(std::string_view what, int64_t length_max, std::string_view value) {
  if (static_cast<int64_t>(value.size()) <= length_max || CharacterCount(value) <= length_max) {
    return {};
  }
  return Invalid("'" + std::string(what) + "' exceeds the maximum length of " +
                 std::to_string(length_max) + " characters");
}

void TruncateCharacters(std::string& value, int64_t length_max) {
  if (static_cast<int64_t>(value.size()) <= length_max) return;
  int64_t count = 0;
  for (size_t i = 0; i < value.size(); ++i) {
    if (IsContinuation(value[i])) continue;
    if (count++ == length_max) {
      value.resize(i);
      return;
    }
  }
}

Status CheckMetric(const Metric& metric, std::string_view path) {
  TRY(CheckName(metric.key, At(path, "name")));
  if (metric.timestamp_ms < 0) {
    return Invalid(InvalidValue(At(path, "timestamp"), std::to_string(metric.timestamp_ms),
                                "metric '" + metric.key + "' (value=" + FormatDouble(metric.value) +
                                    "). Timestamp must be a nonnegative long (64-bit integer) "));
  }
  return CheckLength("Metric name", kKeyLengthMax, metric.key);
}

Status CheckParam(KeyValue& param, std::string_view path) {
  TRY(CheckName(param.key, At(path, "key")));
  TRY(CheckLength("Param key", kKeyLengthMax, param.key));
  TruncateCharacters(param.value, kParamValueLengthMax);
  return {};
}

Status CheckTag(KeyValue& tag, std::string_view path) {
  TRY(CheckName(tag.key, At(path, "key")));
  TRY(CheckLength(At(path, "key"), kKeyLengthMax, tag.key));
  TruncateCharacters(tag.value, kTagValueLengthMax);
  return {};
}

Status CheckExperimentName(std::string_view name) {
  if (name.empty()) return Invalid("Invalid experiment name: ''");
  return CheckLength("name", kExperimentNameLengthMax, name);
}

Status CheckExperimentTag(const KeyValue& tag) {
  TRY(CheckName(tag.key, "key"));
  TRY(CheckLength("key", kKeyLengthMax, tag.key));
  return CheckLength("value", kExperimentTagValueLengthMax, tag.value);
}

Status CheckRunId(std::string_view id) {
  const bool good = !id.empty() && id.size() <= 256 && std::isalnum(id[0] & 0x7f) &&
                    std::ranges::all_of(id, [](char c) {
                      return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '-';
                    });
  if (!good) return Invalid(InvalidValue("run_id", Quoted(id), ""));
  return {};
}

Status CheckDataset(const DatasetInput& input) {
  const Dataset& dataset = input.dataset;
  TRY(CheckLength("name", 500, dataset.name));
  TRY(CheckLength("digest", 36, dataset.digest));
  TRY(CheckLength("source", 65535, dataset.source));
  if (dataset.schema) TRY(CheckLength("schema", 1048575, *dataset.schema));
  if (dataset.profile) TRY(CheckLength("profile", 16777215, *dataset.profile));
  for (const auto& tag : input.tags) {
    TRY(CheckLength("key", 255, tag.key));
    TRY(CheckLength("value", 500, tag.value));
  }
  return {};
}

Status CheckLoggedModelName(std::string_view name) {
  if (name.find_first_of("/:.%\"'") != std::string_view::npos) {
    return Invalid("Invalid model name ('" + std::string(name) +
                   "') provided. Model name must be a non-empty string and cannot contain the "
                   "following characters: ('/', ':', '.', '%', '\"', \"'\")");
  }
  return {};
}

}  // namespace tatara::tracking
