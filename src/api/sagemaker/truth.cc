#include "api/sagemaker/truth.h"

#include <cmath>

#include "api/predict/predict.h"
#include "base/json.h"
#include "base/strings.h"

namespace tatara::api {
namespace {

Result<std::string> DataOf(const Json& record) {
  const Json* truth = record.Find("groundTruthData");
  if (truth == nullptr || !truth->IsObject()) return Invalid("'groundTruthData' is missing");
  const std::string encoding = TRY(truth->GetStringOr("encoding", "CSV"));
  if (encoding != "CSV" && encoding != "JSON") {
    return Invalid("groundTruthData.encoding must be CSV or JSON, not '" + encoding + "'");
  }
  auto data = truth->GetString("data");
  if (!data) return std::unexpected(Prefixed("groundTruthData", data.error()));
  const std::string value(Trim(*data));
  if (value.empty()) return Invalid("groundTruthData.data is empty");
  double number = 0;
  if (ParseDouble(value, number) && !std::isfinite(number)) {
    return Invalid("groundTruthData.data: '" + value + "' is no finite number");
  }
  return value;
}

Result<serving::Truth> ReadTruth(std::string_view line, Time time) {
  const Json record = TRY(ParseJson(line));
  if (!record.IsObject()) return Invalid("not a JSON object");
  serving::Truth truth;
  truth.value = TRY(DataOf(record));
  truth.time = time;
  const Json* metadata = record.Find("eventMetadata");
  if (metadata == nullptr || !metadata->IsObject()) return Invalid("'eventMetadata' is missing");
  auto id = metadata->GetString("eventId");
  if (!id) return std::unexpected(Prefixed("eventMetadata", id.error()));
  if (id->empty() || id->size() > kInferenceIdMax) {
    return Invalid("eventMetadata.eventId must have 1 to 1024 bytes");
  }
  truth.inference_id = *std::move(id);
  return truth;
}

}  // namespace

Result<std::vector<serving::Truth>> ReadTruths(std::string_view body, Time time) {
  std::vector<serving::Truth> truths;
  for (int64_t number = 1; !body.empty(); ++number) {
    const size_t end = std::min(body.find('\n'), body.size());
    const std::string_view line = Trim(body.substr(0, end));
    body.remove_prefix(std::min(end + 1, body.size()));
    if (line.empty()) continue;
    auto truth = ReadTruth(line, time);
    if (!truth) {
      return std::unexpected(Prefixed("line " + std::to_string(number), truth.error()));
    }
    truths.push_back(*std::move(truth));
  }
  return truths;
}

}  // namespace tatara::api
