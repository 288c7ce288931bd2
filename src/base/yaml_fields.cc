#include "base/yaml_fields.h"

#include <algorithm>

#include "base/strings.h"

namespace tatara {

Error YamlError(const Yaml& node, std::string message) {
  if (node.line <= 0) return {Code::kInvalid, std::move(message)};
  return {Code::kInvalid, "line " + std::to_string(node.line) + ": " + std::move(message)};
}

Error InFile(std::string_view file, Error error) {
  constexpr std::string_view kLine = "line ";
  const size_t digits_end =
      std::min(error.message.find_first_not_of("0123456789", kLine.size()), error.message.size());
  const bool has_line = error.message.starts_with(kLine) && digits_end > kLine.size() &&
                        error.message.compare(digits_end, 1, ":") == 0;
  if (!has_line) return Prefixed(file, std::move(error));
  error.message = std::string(file) + ":" + error.message.substr(kLine.size());
  return error;
}

YamlFields::YamlFields(const Yaml& node, std::string where)
    : node_(node), where_(std::move(where)) {
  if (!node.IsMap() && !node.IsNull()) Fail(YamlError(node, where_ + " must be a map"));
}

void YamlFields::Fail(Error error) {
  if (!error_) error_ = std::move(error);
}

const Yaml* YamlFields::Node(std::string_view key) {
  known_.emplace_back(key);
  const Yaml* value = node_.Find(key);
  return value == nullptr || value->IsNull() ? nullptr : value;
}

const Yaml* YamlFields::RequiredNode(std::string_view key) {
  const Yaml* value = Node(key);
  if (value == nullptr) Fail(YamlError(node_, where_ + " needs '" + std::string(key) + "'"));
  return value;
}

const Yaml* YamlFields::Scalar(std::string_view key) {
  const Yaml* value = Node(key);
  if (value != nullptr && !value->IsScalar()) {
    Fail(YamlError(*value, "'" + std::string(key) + "' of " + where_ + " must be a single value"));
    return nullptr;
  }
  return value;
}

std::string YamlFields::Text(std::string_view key) {
  if (RequiredNode(key) == nullptr) return {};
  return TextOr(key, "");
}

std::string YamlFields::TextOr(std::string_view key, std::string_view otherwise) {
  const Yaml* value = Scalar(key);
  return value == nullptr ? std::string(otherwise) : value->scalar;
}

std::optional<std::string> YamlFields::OptionalText(std::string_view key) {
  const Yaml* value = Scalar(key);
  return value == nullptr ? std::nullopt : std::optional(value->scalar);
}

int64_t YamlFields::IntOr(std::string_view key, int64_t otherwise) {
  const Yaml* value = Scalar(key);
  if (value == nullptr) return otherwise;
  int64_t number = 0;
  if (!ParseInt(value->scalar, number)) {
    Fail(YamlError(*value, "'" + std::string(key) + "' of " + where_ +
                               " must be a whole number, not '" + value->scalar + "'"));
  }
  return number;
}

double YamlFields::DoubleOr(std::string_view key, double otherwise) {
  const Yaml* value = Scalar(key);
  if (value == nullptr) return otherwise;
  double number = 0;
  if (!ParseDouble(value->scalar, number)) {
    Fail(YamlError(*value, "'" + std::string(key) + "' of " + where_ + " must be a number, not '" +
                               value->scalar + "'"));
  }
  return number;
}

bool YamlFields::BoolOr(std::string_view key, bool otherwise) {
  const Yaml* value = Scalar(key);
  if (value == nullptr) return otherwise;
  const Json json = YamlToJson(*value);
  if (json.IsBool()) return json.AsBool();
  Fail(YamlError(*value, "'" + std::string(key) + "' of " + where_ +
                             " must be true or false, not '" + value->scalar + "'"));
  return otherwise;
}

Duration YamlFields::DurationOr(std::string_view key, Duration otherwise) {
  const Yaml* value = Scalar(key);
  if (value == nullptr) return otherwise;
  auto span = ParseDuration(value->scalar);
  if (span) return *span;
  Fail(YamlError(*value, "'" + std::string(key) + "' of " + where_ + ": " + span.error().message));
  return otherwise;
}

std::vector<std::string> YamlFields::TextsOr(std::string_view key) {
  std::vector<std::string> out;
  const Yaml* value = Node(key);
  if (value == nullptr) return out;
  if (value->IsScalar()) return {value->scalar};
  const auto bad = [&](const Yaml& at) {
    Fail(YamlError(at, "'" + std::string(key) + "' of " + where_ + " must be a list of names"));
  };
  if (!value->IsList()) {
    bad(*value);
    return out;
  }
  for (const Yaml& item : value->items) {
    if (!item.IsScalar()) bad(item);
    out.push_back(item.scalar);
  }
  return out;
}

void YamlFields::Refuse(std::string_view key, std::string_view why) {
  const Yaml* value = Node(key);
  if (value == nullptr) return;
  Error error =
      YamlError(*value, "'" + std::string(key) + "' of " + where_ + " " + std::string(why));
  error.code = Code::kUnsupported;
  Fail(std::move(error));
}

// A key that nobody asked for comes first: it is often the one that is missed elsewhere.
Status YamlFields::Finish() {
  for (const auto& [key, value] : node_.entries) {
    if (std::ranges::find(known_, key.scalar) != known_.end()) continue;
    return std::unexpected(YamlError(
        key, "unknown key '" + key.scalar + "' in " + where_ + DidYouMean(key.scalar, known_)));
  }
  if (error_) return std::unexpected(*error_);
  return {};
}

}  // namespace tatara
