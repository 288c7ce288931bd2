#include "base/json.h"

#include <simdjson.h>

#include <charconv>
#include <cmath>

namespace tatara {
namespace {

namespace ondemand = simdjson::ondemand;

std::unexpected<Error> Broken(simdjson::error_code code) {
  return Invalid(std::string("not valid JSON: ") + simdjson::error_message(code));
}

// Integers beyond 64 bits are legal JSON; simdjson refuses them, we read them as doubles.
Result<Json> ReadNumber(ondemand::value& value) {
  std::string_view token = value.raw_json_token();
  while (!token.empty() && (token.back() == ' ' || token.back() == '\n' || token.back() == '\r' ||
                            token.back() == '\t')) {
    token.remove_suffix(1);
  }
  ondemand::number number;
  auto code = value.get_number().get(number);
  if (!code) {
    if (number.is_double()) {
      // simdjson 3.0's get_number reads "18446745073709551616.0" as 0.
      double exact = 0;
      const bool read =
          token.size() > 19 &&
          std::from_chars(token.data(), token.data() + token.size(), exact).ec == std::errc();
      if (read) return Json(exact);
      if (!std::isfinite(number.get_double())) return Invalid("not valid JSON: number too large");
      return Json(number.get_double());
    }
    if (number.is_uint64()) return Json(number.get_uint64());
    return Json(number.get_int64());
  }
  bool digits = !token.empty();
  for (size_t i = token.starts_with('-') ? 1 : 0; i < token.size(); ++i) {
    if (token[i] < '0' || token[i] > '9') digits = false;
  }
  if (!digits || token.size() < 19 || token.starts_with("0") || token.starts_with("-0")) {
    return Broken(code);
  }
  double big = 0;
  auto [end, error] = std::from_chars(token.data(), token.data() + token.size(), big);
  if (error != std::errc() || end != token.data() + token.size()) return Broken(code);
  return Json(big);
}

Result<Json> ReadValue(ondemand::value value, int depth, int depth_max) {
  if (depth > depth_max) {
    return Invalid("JSON is nested deeper than " + std::to_string(depth_max) + " levels");
  }
  ondemand::json_type type;
  if (auto code = value.type().get(type)) return Broken(code);
  switch (type) {
    case ondemand::json_type::object: {
      ondemand::object object;
      if (auto code = value.get_object().get(object)) return Broken(code);
      Json::Object members;
      for (auto field : object) {
        std::string_view name;
        if (auto code = field.unescaped_key().get(name)) return Broken(code);
        std::string key(name);
        ondemand::value member;
        if (auto code = field.value().get(member)) return Broken(code);
        members.emplace_back(std::move(key), TRY(ReadValue(member, depth + 1, depth_max)));
      }
      return Json(std::move(members));
    }
    case ondemand::json_type::array: {
      ondemand::array array;
      if (auto code = value.get_array().get(array)) return Broken(code);
      Json::Array items;
      for (auto element : array) {
        ondemand::value item;
        if (auto code = element.get(item)) return Broken(code);
        items.push_back(TRY(ReadValue(item, depth + 1, depth_max)));
      }
      return Json(std::move(items));
    }
    case ondemand::json_type::string: {
      std::string_view text;
      if (auto code = value.get_string().get(text)) return Broken(code);
      return Json(text);
    }
    case ondemand::json_type::number:
      return ReadNumber(value);
    case ondemand::json_type::boolean: {
      bool flag;
      if (auto code = value.get_bool().get(flag)) return Broken(code);
      return Json(flag);
    }
    case ondemand::json_type::null: {
      bool is_null;
      if (auto code = value.is_null().get(is_null)) return Broken(code);
      if (!is_null) return Invalid("not valid JSON: a word that is not null");
      return Json();
    }
  }
  return Invalid("not valid JSON");
}

void Indent(std::string& out, int depth) {
  out += '\n';
  out.append(2 * static_cast<size_t>(depth), ' ');
}

// `depth` below 0: compact.
void Append(std::string& out, const Json& value, int depth) {
  const bool pretty = depth >= 0;
  if (value.IsNull()) {
    out += "null";
  } else if (value.IsBool()) {
    out += value.AsBool() ? "true" : "false";
  } else if (value.IsInt()) {
    out += std::to_string(value.AsInt());
  } else if (value.IsUint()) {
    out += std::to_string(value.AsUint());
  } else if (value.IsDouble()) {
    AppendJsonDouble(out, value.AsDouble());
  } else if (value.IsString()) {
    AppendJsonString(out, value.AsString());
  } else if (value.IsArray()) {
    out += '[';
    bool first = true;
    for (const Json& item : value.AsArray()) {
      if (!first) out += pretty ? ", " : ",";
      first = false;
      Append(out, item, pretty ? depth + 1 : -1);
    }
    out += ']';
  } else {
    out += '{';
    bool first = true;
    for (const auto& [name, member] : value.AsObject()) {
      if (!first) out += ',';
      first = false;
      if (pretty) Indent(out, depth + 1);
      AppendJsonString(out, name);
      out += pretty ? ": " : ":";
      Append(out, member, pretty ? depth + 1 : -1);
    }
    if (pretty && !first) Indent(out, depth);
    out += '}';
  }
}

Error WrongType(std::string_view name, std::string_view wanted, const Json& value) {
  return {Code::kInvalid, "'" + std::string(name) + "' must be " + std::string(wanted) + ", not " +
                              std::string(value.TypeName())};
}

Error Missing(std::string_view name) {
  return {Code::kInvalid, "'" + std::string(name) + "' is missing"};
}

}  // namespace

Json::Json(uint64_t value) {
  if (value <= static_cast<uint64_t>(INT64_MAX)) {
    value_ = static_cast<int64_t>(value);
  } else {
    value_ = value;
  }
}

std::string_view Json::TypeName() const {
  if (IsNull()) return "null";
  if (IsBool()) return "a boolean";
  if (IsNumber()) return "a number";
  if (IsString()) return "a string";
  if (IsArray()) return "an array";
  return "an object";
}

bool Json::AsBool() const {
  CHECK(IsBool());
  return std::get<bool>(value_);
}
int64_t Json::AsInt() const {
  CHECK(IsInt());
  return std::get<int64_t>(value_);
}
uint64_t Json::AsUint() const {
  if (IsUint()) return std::get<uint64_t>(value_);
  CHECK(IsInt() && AsInt() >= 0);
  return static_cast<uint64_t>(AsInt());
}
double Json::AsDouble() const {
  if (IsInt()) return static_cast<double>(AsInt());
  if (IsUint()) return static_cast<double>(std::get<uint64_t>(value_));
  CHECK(IsDouble());
  return std::get<double>(value_);
}
const std::string& Json::AsString() const {
  CHECK(IsString());
  return std::get<std::string>(value_);
}
const Json::Array& Json::AsArray() const {
  CHECK(IsArray());
  return std::get<Array>(value_);
}
Json::Array& Json::AsArray() {
  CHECK(IsArray());
  return std::get<Array>(value_);
}
const Json::Object& Json::AsObject() const {
  CHECK(IsObject());
  return std::get<Object>(value_);
}
Json::Object& Json::AsObject() {
  CHECK(IsObject());
  return std::get<Object>(value_);
}

const Json* Json::Find(std::string_view name) const {
  if (!IsObject()) return nullptr;
  const Object& members = AsObject();
  for (auto it = members.rbegin(); it != members.rend(); ++it) {
    if (it->first == name) return &it->second;
  }
  return nullptr;
}

Json& Json::Set(std::string_view name, Json value) {
  if (IsNull()) value_ = Object{};
  Object& members = AsObject();
  for (auto& [key, member] : members) {
    if (key == name) {
      member = std::move(value);
      return member;
    }
  }
  members.emplace_back(std::string(name), std::move(value));
  return members.back().second;
}

void Json::Append(Json value) {
  if (IsNull()) value_ = Array{};
  AsArray().push_back(std::move(value));
}

Result<std::string> Json::GetString(std::string_view name) const {
  const Json* member = Find(name);
  if (member == nullptr) return std::unexpected(Missing(name));
  if (!member->IsString()) return std::unexpected(WrongType(name, "a string", *member));
  return member->AsString();
}

Result<std::string> Json::GetStringOr(std::string_view name, std::string otherwise) const {
  const Json* member = Find(name);
  if (member == nullptr || member->IsNull()) return otherwise;
  return GetString(name);
}

Result<int64_t> Json::GetInt(std::string_view name) const {
  const Json* member = Find(name);
  if (member == nullptr) return std::unexpected(Missing(name));
  if (member->IsInt()) return member->AsInt();
  if (member->IsDouble()) {
    const double value = member->AsDouble();
    if (value == std::trunc(value) && std::abs(value) < 0x1p53) return static_cast<int64_t>(value);
  }
  return std::unexpected(WrongType(name, "an integer of 64 bits", *member));
}

Result<int64_t> Json::GetIntOr(std::string_view name, int64_t otherwise) const {
  const Json* member = Find(name);
  if (member == nullptr || member->IsNull()) return otherwise;
  return GetInt(name);
}

Result<double> Json::GetDouble(std::string_view name) const {
  const Json* member = Find(name);
  if (member == nullptr) return std::unexpected(Missing(name));
  if (!member->IsNumber()) return std::unexpected(WrongType(name, "a number", *member));
  return member->AsDouble();
}

Result<bool> Json::GetBoolOr(std::string_view name, bool otherwise) const {
  const Json* member = Find(name);
  if (member == nullptr || member->IsNull()) return otherwise;
  if (!member->IsBool()) return std::unexpected(WrongType(name, "true or false", *member));
  return member->AsBool();
}

std::vector<std::string> StringsOf(std::string_view json) {
  std::vector<std::string> out;
  const auto list = ParseJson(json);
  if (!list || !list->IsArray()) return out;
  for (const Json& item : list->AsArray()) {
    if (item.IsString()) out.push_back(item.AsString());
  }
  return out;
}

Result<std::span<const Json>> Json::GetArray(std::string_view name) const {
  const Json* member = Find(name);
  if (member == nullptr) return std::unexpected(Missing(name));
  if (!member->IsArray()) return std::unexpected(WrongType(name, "a list", *member));
  return std::span<const Json>(member->AsArray());
}

Result<std::vector<std::string>> Json::GetStrings(std::string_view name) const {
  std::vector<std::string> out;
  const Json* member = Find(name);
  if (member == nullptr || member->IsNull()) return out;
  if (!member->IsArray()) return std::unexpected(WrongType(name, "a list of strings", *member));
  for (const Json& item : member->AsArray()) {
    if (!item.IsString()) return std::unexpected(WrongType(name, "a list of strings", item));
    out.push_back(item.AsString());
  }
  return out;
}

std::string Json::Dump() const {
  std::string out;
  tatara::Append(out, *this, -1);
  return out;
}

std::string Json::DumpPretty() const {
  std::string out;
  tatara::Append(out, *this, 0);
  return out;
}

Result<Json> ParseJson(std::string_view text, JsonLimits limits) {
  // The parser keeps its buffers between calls; each thread has its own.
  thread_local ondemand::parser parser;
  simdjson::padded_string padded(text);
  ondemand::document document;
  if (auto code = parser.iterate(padded).get(document)) return Broken(code);
  bool scalar;
  if (auto code = document.is_scalar().get(scalar)) return Broken(code);
  if (scalar) {
    // simdjson gives a value of a scalar document only through the document's own getters; a
    // wrapping array lets the one reader above serve it too.
    auto wrapped = ParseJson("[" + std::string(text) + "]", limits);
    if (!wrapped) return wrapped;
    if (wrapped->AsArray().size() != 1) return Invalid("not valid JSON: more than one value");
    return std::move(wrapped->AsArray()[0]);
  }
  ondemand::value value;
  if (auto code = document.get_value().get(value)) return Broken(code);
  Result<Json> root = ReadValue(value, 1, limits.depth_max);
  if (!root) return root;
  const char* rest = nullptr;
  if (document.current_location().get(rest) == simdjson::SUCCESS) {
    return Invalid("not valid JSON: text after the end of the value");
  }
  return root;
}

void AppendJsonString(std::string& out, std::string_view text) {
  static constexpr char kHex[] = "0123456789abcdef";
  out += '"';
  size_t start = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c >= 0x20 && c != '"' && c != '\\') continue;
    out.append(text, start, i - start);
    start = i + 1;
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      default:
        out += "\\u00";
        out += kHex[c >> 4];
        out += kHex[c & 15];
    }
  }
  out.append(text, start, text.size() - start);
  out += '"';
}

void AppendJsonDouble(std::string& out, double value) {
  if (!std::isfinite(value)) {
    out += "null";
    return;
  }
  char buffer[32];
  auto [end, error] = std::to_chars(buffer, buffer + sizeof buffer, value);
  std::string_view text(buffer, static_cast<size_t>(end - buffer));
  out += text;
  if (text.find_first_of(".e") == std::string_view::npos) out += ".0";
}

void JsonWriter::Separate() {
  if (after_key_) {
    after_key_ = false;
  } else if (!first_) {
    out_ += ',';
  }
  first_ = false;
}
JsonWriter& JsonWriter::Open(char bracket) {
  Separate();
  out_ += bracket;
  first_ = true;
  return *this;
}
JsonWriter& JsonWriter::Close(char bracket) {
  out_ += bracket;
  first_ = false;
  return *this;
}
JsonWriter& JsonWriter::Key(std::string_view name) {
  Separate();
  AppendJsonString(out_, name);
  out_ += ':';
  after_key_ = true;
  return *this;
}
JsonWriter& JsonWriter::String(std::string_view text) {
  Separate();
  AppendJsonString(out_, text);
  return *this;
}
JsonWriter& JsonWriter::Int(int64_t value) { return Raw(std::to_string(value)); }
JsonWriter& JsonWriter::Double(double value) {
  Separate();
  AppendJsonDouble(out_, value);
  return *this;
}
JsonWriter& JsonWriter::Bool(bool value) { return Raw(value ? "true" : "false"); }
JsonWriter& JsonWriter::Null() { return Raw("null"); }
JsonWriter& JsonWriter::Value(const Json& value) {
  Separate();
  tatara::Append(out_, value, -1);
  return *this;
}
JsonWriter& JsonWriter::Raw(std::string_view json) {
  Separate();
  out_ += json;
  return *this;
}

}  // namespace tatara
