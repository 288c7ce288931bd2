// The arguments of a request in MLflow's dialect, whether they came as a JSON body or as a query,
// with MLflow's messages for what is missing or of a wrong type.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "net/http.h"
#include "tracking/tracking.h"

namespace tatara::api {

class Args {
 public:
  // kInvalid: a body that is no JSON object, or a Content-Type that is not JSON's.
  static Result<Args> Parse(const net::Request& request);

  bool Has(std::string_view name) const { return Find(name) != nullptr; }
  Result<std::string> Text(std::string_view name) const;  // required and not empty
  Result<std::string> TextOr(std::string_view name, std::string_view otherwise = "") const;
  Result<std::optional<int64_t>> Int(std::string_view name) const;
  Result<int64_t> IntOr(std::string_view name, int64_t otherwise) const;
  Result<bool> BoolOr(std::string_view name, bool otherwise) const;
  Result<std::vector<std::string>> Texts(std::string_view name) const;  // a list; absent: empty
  // A list of objects; null when absent.
  Result<const Json::Array*> List(std::string_view name) const;
  // [{"key": .., "value": ..}]: the key is required, an absent value is "".
  Result<std::vector<tracking::KeyValue>> KeyValues(std::string_view name) const;

  Result<std::string> RunId() const;  // run_id, or run_uuid of old clients
  Result<int64_t> ExperimentId() const;
  // max_results within 1..max; `otherwise` when absent.
  Result<int64_t> MaxResults(int64_t otherwise, int64_t max) const;

  // The whole request as one object, for log-metric.
  const Json& fields() const { return fields_; }

  const std::string& caller() const { return caller_; }
  // A digest of the whole request, for requests that a job attempt may repeat; empty without one.
  const std::string& digest() const { return digest_; }

 private:
  const Json* Find(std::string_view name) const;

  Json fields_;
  bool from_query_ = false;
  std::string caller_;
  std::string digest_;
};

// The same for one object inside a list; `path` ("metrics[3]") stands in messages.
class ItemArgs {
 public:
  ItemArgs(const Json& item, std::string path) : item_(item), path_(std::move(path)) {}
  Result<std::string> Text(std::string_view name) const;  // required and not empty
  Result<std::string> TextOr(std::string_view name, std::string_view otherwise = "") const;
  Result<int64_t> Int(std::string_view name) const;  // required
  Result<int64_t> IntOr(std::string_view name, int64_t otherwise) const;
  Result<double> Double(std::string_view name) const;  // required; "NaN", "Infinity", "-Infinity"
  const Json* Find(std::string_view name) const { return item_.Find(name); }
  std::string At(std::string_view name) const {
    return path_.empty() ? std::string(name) : path_ + "." + std::string(name);
  }

 private:
  const Json& item_;
  std::string path_;
};

// A metric of log-batch; `path` is "metrics[0]".
Result<tracking::Metric> DecodeMetric(const Json& item, std::string path);

// ACTIVE_ONLY, DELETED_ONLY or ALL, by name or number; absent: active.
Result<tracking::StageView> ParseView(const Args& args, std::string_view name);

std::unexpected<Error> MissingValue(std::string_view path);
std::unexpected<Error> WrongType(std::string_view path, const Json& value);

// "3" of a model version's number: an integer, or MLflow's message.
Result<int64_t> ParseVersionNumber(std::string_view text);

}  // namespace tatara::api
