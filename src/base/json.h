// JSON in and out: the one value type, the one parser (simdjson inside), the one writer.
//
// Json keeps an object's members in the order in which they came and keeps doubled names (Find
// returns the last, as most parsers do). Integers stay integers: int64, then uint64, beyond that
// double. A value is a plain value: copy, move, no sharing. Not thread-safe for writing.
//
// Hot paths (inference tensors) read with simdjson in their own codec; everything else uses this.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.h"

namespace tatara {

class Json {
 public:
  using Array = std::vector<Json>;
  using Member = std::pair<std::string, Json>;
  using Object = std::vector<Member>;

  Json() = default;  // null
  Json(std::nullptr_t) {}
  Json(bool value) : value_(value) {}
  Json(int value) : value_(int64_t{value}) {}
  Json(int64_t value) : value_(value) {}
  Json(uint64_t value);
  Json(double value) : value_(value) {}
  Json(const char* value) : value_(std::string(value)) {}
  Json(std::string value) : value_(std::move(value)) {}
  Json(std::string_view value) : value_(std::string(value)) {}
  Json(Array value) : value_(std::move(value)) {}
  Json(Object value) : value_(std::move(value)) {}
  static Json MakeArray() { return Json(Array{}); }
  static Json MakeObject() { return Json(Object{}); }
  // {"a": 1, "b": [..]}: Json::Of({{"a", 1}, {"b", Json::Array{..}}})
  static Json Of(std::initializer_list<Member> members) { return Json(Object(members)); }
  static Json Strings(const std::vector<std::string>& items) {
    return Json(Array(items.begin(), items.end()));
  }

  bool IsNull() const { return std::holds_alternative<std::monostate>(value_); }
  bool IsBool() const { return std::holds_alternative<bool>(value_); }
  bool IsInt() const { return std::holds_alternative<int64_t>(value_); }    // fits int64
  bool IsUint() const { return std::holds_alternative<uint64_t>(value_); }  // only above int64
  bool IsDouble() const { return std::holds_alternative<double>(value_); }  // written as a double
  bool IsNumber() const { return IsInt() || IsUint() || IsDouble(); }
  bool IsString() const { return std::holds_alternative<std::string>(value_); }
  bool IsArray() const { return std::holds_alternative<Array>(value_); }
  bool IsObject() const { return std::holds_alternative<Object>(value_); }
  // "null", "a boolean", "a number", "a string", "an array", "an object": for messages.
  std::string_view TypeName() const;

  // The accessors CHECK the type: ask first, or use the Get... forms below.
  bool AsBool() const;
  int64_t AsInt() const;
  uint64_t AsUint() const;  // any non-negative integer
  double AsDouble() const;  // any number
  const std::string& AsString() const;
  const Array& AsArray() const;
  Array& AsArray();
  const Object& AsObject() const;
  Object& AsObject();

  // A member of an object by name (the last of doubled ones); null when absent or no object.
  const Json* Find(std::string_view name) const;
  // Sets or replaces a member. Turns null into an object.
  Json& Set(std::string_view name, Json value);
  // Appends to an array. Turns null into an array.
  void Append(Json value);

  // Typed members of an object with an error that names the field. `Get` wants the member,
  // `GetOr` takes a default where it is absent or null.
  Result<std::string> GetString(std::string_view name) const;
  Result<std::string> GetStringOr(std::string_view name, std::string otherwise) const;
  Result<int64_t> GetInt(std::string_view name) const;
  Result<int64_t> GetIntOr(std::string_view name, int64_t otherwise) const;
  Result<double> GetDouble(std::string_view name) const;
  Result<bool> GetBoolOr(std::string_view name, bool otherwise) const;
  // The items of a list; they live as long as this value.
  Result<std::span<const Json>> GetArray(std::string_view name) const;
  // A list of strings; empty where it is absent or null.
  Result<std::vector<std::string>> GetStrings(std::string_view name) const;

  // Compact text, UTF-8, doubles as the shortest text that reads back alike; NaN and infinities
  // become null, so that the text is strict JSON.
  std::string Dump() const;
  // With two blanks of indentation, for people.
  std::string DumpPretty() const;

  bool operator==(const Json&) const = default;

 private:
  std::variant<std::monostate, bool, int64_t, uint64_t, double, std::string, Array, Object> value_;
};

struct JsonLimits {
  int depth_max = 100;
};

// One JSON document and nothing after it. An error says what is wrong and at which byte.
Result<Json> ParseJson(std::string_view text, JsonLimits limits = {});

// The strings of a list that the platform itself stored; what is none is left out.
std::vector<std::string> StringsOf(std::string_view json);

// Appends `text` as a JSON string with its quotes.
void AppendJsonString(std::string& out, std::string_view text);
// Appends the shortest text of a finite double; NaN and infinities as null.
void AppendJsonDouble(std::string& out, double value);

// Writes JSON text straight into a string, without a tree, for answers that are large or frequent.
//   JsonWriter w(out); w.BeginObject(); w.Key("id"); w.String(id); w.EndObject();
// The caller keeps the nesting right; commas are the writer's business.
class JsonWriter {
 public:
  explicit JsonWriter(std::string& out) : out_(out) {}
  JsonWriter& BeginObject() { return Open('{'); }
  JsonWriter& EndObject() { return Close('}'); }
  JsonWriter& BeginArray() { return Open('['); }
  JsonWriter& EndArray() { return Close(']'); }
  JsonWriter& Key(std::string_view name);
  JsonWriter& String(std::string_view text);
  JsonWriter& Int(int64_t value);
  JsonWriter& Double(double value);
  JsonWriter& Bool(bool value);
  JsonWriter& Null();
  JsonWriter& Value(const Json& value);
  JsonWriter& Raw(std::string_view json);  // text that is JSON already

 private:
  JsonWriter& Open(char bracket);
  JsonWriter& Close(char bracket);
  void Separate();

  std::string& out_;
  bool first_ = true;
  bool after_key_ = false;
};

}  // namespace tatara
