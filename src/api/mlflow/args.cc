#include "api/mlflow/args.h"

#include <cmath>
#include <limits>

#include "base/hash.h"
#include "base/strings.h"

namespace tatara::api {
namespace {

constexpr std::string_view kSeeDocs =
    " See the API docs for more information about request parameters.";

std::string_view PythonType(const Json& value) {
  if (value.IsNull()) return "NoneType";
  if (value.IsBool()) return "bool";
  if (value.IsDouble()) return "float";
  if (value.IsNumber()) return "int";
  if (value.IsString()) return "str";
  return value.IsArray() ? "list" : "dict";
}

// An int64 as proto JSON takes it: a number without a fraction, or the same in quotes.
std::optional<int64_t> ToInt(const Json& value) {
  if (value.IsInt()) return value.AsInt();
  if (value.IsDouble()) {
    const double number = value.AsDouble();
    // An integer just below the smallest one reads as -2^63 here, so that one is out as well.
    const bool fits = std::abs(number) < 0x1p63 && std::trunc(number) == number;
    return fits ? std::optional(static_cast<int64_t>(number)) : std::nullopt;
  }
  int64_t parsed = 0;
  if (value.IsString() && ParseInt(value.AsString(), parsed)) return parsed;
  return std::nullopt;
}

std::optional<double> ToDouble(const Json& value) {
  if (value.IsNumber()) return value.AsDouble();
  if (!value.IsString()) return std::nullopt;
  const std::string& text = value.AsString();
  if (text == "NaN") return std::numeric_limits<double>::quiet_NaN();
  if (text == "Infinity") return std::numeric_limits<double>::infinity();
  if (text == "-Infinity") return -std::numeric_limits<double>::infinity();
  return std::nullopt;
}

Result<std::string> ToText(const Json* value, std::string_view path, bool required) {
  if (value == nullptr || value->IsNull()) {
    if (required) return MissingValue(path);
    return std::string();
  }
  if (!value->IsString()) return WrongType(path, *value);
  if (required && value->AsString().empty()) return MissingValue(path);
  return value->AsString();
}

Json FromQuery(const net::Request& request) {
  Json fields = Json::MakeObject();
  for (auto& [name, value] : request.Query()) {
    const Json* before = fields.Find(name);
    if (before == nullptr) {
      fields.Set(name, std::move(value));
    } else if (before->IsArray()) {
      Json list = *before;
      list.Append(std::move(value));
      fields.Set(name, std::move(list));
    } else {
      fields.Set(name, Json::Array{*before, Json(std::move(value))});
    }
  }
  return fields;
}

Status CheckContentType(const net::Request& request) {
  const std::string_view type = request.HeaderOr("content-type");
  if (type.empty() && request.body.empty()) return {};
  if (type.empty()) return Invalid("Bad Request. Content-Type header is missing.");
  if (!EqualsIgnoreCase(Trim(type.substr(0, type.find(';'))), "application/json")) {
    return Invalid("Bad Request. Content-Type must be one of ['application/json'].");
  }
  return {};
}

Result<Json> FromBody(const net::Request& request) {
  TRY(CheckContentType(request));
  if (Trim(request.body).empty()) return Json::MakeObject();
  auto parsed = ParseJson(request.body);
  // Old clients send JSON in a JSON string.
  if (parsed && parsed->IsString()) parsed = ParseJson(std::string(parsed->AsString()));
  if (!parsed) return Invalid("Malformed JSON in the request body: " + parsed.error().message);
  if (parsed->IsNull()) return Json::MakeObject();
  if (!parsed->IsObject()) {
    return Invalid("The request body must be a JSON object, got " +
                   std::string(parsed->TypeName()) + ".");
  }
  return *std::move(parsed);
}

}  // namespace

std::unexpected<Error> MissingValue(std::string_view path) {
  return Invalid("Missing value for required parameter '" + std::string(path) + "'." +
                 std::string(kSeeDocs));
}

std::unexpected<Error> WrongType(std::string_view path, const Json& value) {
  return Invalid(
      tracking::InvalidValue(path, value.Dump(),
                             " Hint: Value was of type '" + std::string(PythonType(value)) + "'.") +
      std::string(kSeeDocs));
}

Result<Args> Args::Parse(const net::Request& request) {
  Args args;
  const bool reads = request.verb == net::Verb::kGet || request.verb == net::Verb::kHead;
  args.from_query_ = reads || (request.body.empty() && !request.query.empty());
  args.fields_ = args.from_query_ ? FromQuery(request) : TRY(FromBody(request));
  for (const auto& [name, value] : request.path_parameters) args.fields_.Set(name, value);
  args.caller_ = request.caller;
  if (!request.caller.empty()) args.digest_ = Sha256(request.path + "\n" + request.body);
  return args;
}

const Json* Args::Find(std::string_view name) const {
  const Json* found = fields_.Find(name);
  return found != nullptr && found->IsNull() ? nullptr : found;
}

Result<std::string> Args::Text(std::string_view name) const {
  return ToText(Find(name), name, true);
}

Result<std::string> Args::TextOr(std::string_view name, std::string_view otherwise) const {
  if (!Has(name)) return std::string(otherwise);
  return ToText(Find(name), name, false);
}

Result<std::optional<int64_t>> Args::Int(std::string_view name) const {
  const Json* value = Find(name);
  if (value == nullptr) return std::optional<int64_t>();
  const auto number = ToInt(*value);
  if (!number) return WrongType(name, *value);
  return number;
}

Result<int64_t> Args::IntOr(std::string_view name, int64_t otherwise) const {
  return TRY(Int(name)).value_or(otherwise);
}

Result<bool> Args::BoolOr(std::string_view name, bool otherwise) const {
  const Json* value = Find(name);
  if (value == nullptr) return otherwise;
  if (value->IsBool()) return value->AsBool();
  if (from_query_ && value->IsString()) {
    if (EqualsIgnoreCase(value->AsString(), "true")) return true;
    if (EqualsIgnoreCase(value->AsString(), "false")) return false;
    return Invalid("Invalid boolean value: " + value->AsString() + ", must be 'true' or 'false'.");
  }
  return WrongType(name, *value);
}

Result<std::vector<std::string>> Args::Texts(std::string_view name) const {
  std::vector<std::string> out;
  const Json* value = Find(name);
  if (value == nullptr) return out;
  if (from_query_ && value->IsString()) return std::vector{value->AsString()};
  if (!value->IsArray()) return WrongType(name, *value);
  for (const auto& item : value->AsArray()) {
    // Experiment ids come as numbers from some clients.
    if (item.IsInt()) {
      out.push_back(std::to_string(item.AsInt()));
    } else if (item.IsString()) {
      out.push_back(item.AsString());
    } else {
      return WrongType(name, *value);
    }
  }
  return out;
}

Result<const Json::Array*> Args::List(std::string_view name) const {
  const Json* value = Find(name);
  if (value == nullptr) return nullptr;
  if (!value->IsArray()) return WrongType(name, *value);
  for (const auto& item : value->AsArray()) {
    if (!item.IsObject()) return WrongType(name, *value);
  }
  return &value->AsArray();
}

Result<std::vector<tracking::KeyValue>> Args::KeyValues(std::string_view name) const {
  std::vector<tracking::KeyValue> out;
  const Json::Array* list = TRY(List(name));
  if (list == nullptr) return out;
  out.reserve(list->size());
  for (size_t i = 0; i < list->size(); ++i) {
    const ItemArgs item((*list)[i], std::string(name) + "[" + std::to_string(i) + "]");
    std::string key = TRY(item.Text("key"));
    out.push_back({std::move(key), TRY(item.TextOr("value"))});
  }
  return out;
}

Result<std::string> Args::RunId() const {
  if (!Has("run_id") && Has("run_uuid")) return Text("run_uuid");
  return Text("run_id");
}

Result<int64_t> Args::ExperimentId() const {
  const Json* value = Find("experiment_id");
  if (value != nullptr && value->IsInt()) return value->AsInt();
  return tracking::ParseExperimentId(TRY(Text("experiment_id")));
}

Result<int64_t> Args::MaxResults(int64_t otherwise, int64_t max) const {
  const int64_t count = TRY(IntOr("max_results", otherwise));
  if (count >= 1 && count <= max) return count;
  return Invalid("Invalid value " + std::to_string(count) +
                 " for parameter 'max_results' supplied. It must be " +
                 (count < 1 ? "a positive integer" : "at most " + std::to_string(max)));
}

Result<std::string> ItemArgs::Text(std::string_view name) const {
  return ToText(Find(name), At(name), true);
}

Result<std::string> ItemArgs::TextOr(std::string_view name, std::string_view otherwise) const {
  const Json* value = Find(name);
  if (value == nullptr || value->IsNull()) return std::string(otherwise);
  return ToText(value, At(name), false);
}

Result<int64_t> ItemArgs::Int(std::string_view name) const {
  const Json* value = Find(name);
  if (value == nullptr || value->IsNull()) return MissingValue(At(name));
  const auto number = ToInt(*value);
  if (!number) return WrongType(At(name), *value);
  return *number;
}

Result<int64_t> ItemArgs::IntOr(std::string_view name, int64_t otherwise) const {
  const Json* value = Find(name);
  if (value == nullptr || value->IsNull()) return otherwise;
  return Int(name);
}

Result<double> ItemArgs::Double(std::string_view name) const {
  const Json* value = Find(name);
  if (value == nullptr || value->IsNull()) return MissingValue(At(name));
  const auto number = ToDouble(*value);
  if (!number) return WrongType(At(name), *value);
  return *number;
}

Result<tracking::Metric> DecodeMetric(const Json& item, std::string path) {
  const ItemArgs args(item, std::move(path));
  tracking::Metric metric;
  metric.key = TRY(args.Text("key"));
  metric.value = TRY(args.Double("value"));
  metric.timestamp_ms = TRY(args.Int("timestamp"));
  metric.step = TRY(args.IntOr("step", 0));
  metric.model_id = TRY(args.TextOr("model_id"));
  metric.dataset_name = TRY(args.TextOr("dataset_name"));
  metric.dataset_digest = TRY(args.TextOr("dataset_digest"));
  return metric;
}

Result<int64_t> ParseVersionNumber(std::string_view text) {
  int64_t number = 0;
  if (ParseInt(text, number)) return number;
  return Invalid("Parameter 'version' must be an integer, got '" + std::string(text) + "'.");
}

Result<tracking::StageView> ParseView(const Args& args, std::string_view name) {
  using tracking::StageView;
  if (!args.Has(name)) return StageView::kActive;
  if (const auto number = args.Int(name)) {
    if (**number == 1) return StageView::kActive;
    if (**number == 2) return StageView::kDeleted;
    if (**number == 3) return StageView::kAll;
    return WrongType(name, Json(**number));
  }
  const std::string text = TRY(args.Text(name));
  if (text == "ACTIVE_ONLY") return StageView::kActive;
  if (text == "DELETED_ONLY") return StageView::kDeleted;
  if (text == "ALL") return StageView::kAll;
  return WrongType(name, Json(text));
}

}  // namespace tatara::api
