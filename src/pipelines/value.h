// Values as DVC has them after reading a YAML file: Python's types, and what Python makes of them
// as text. Everything that is compared with, or written into, dvc.lock and the run cache goes
// through here. Plain values; one thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/json.h"
#include "base/yaml.h"

namespace tatara::pipelines {

class Value {
 public:
  using List = std::vector<Value>;
  using Map = std::vector<std::pair<Value, Value>>;  // in the file's order, keys once

  Value() = default;  // None
  Value(bool value) : value_(value) {}
  Value(int value) : value_(int64_t{value}) {}
  Value(int64_t value) : value_(value) {}
  Value(double value) : value_(value) {}
  Value(const char* value) : value_(std::string(value)) {}
  Value(std::string value) : value_(std::move(value)) {}
  Value(List value) : value_(std::move(value)) {}
  Value(Map value) : value_(std::move(value)) {}
  static Value MakeMap() { return Value(Map{}); }

  bool IsNone() const { return std::holds_alternative<std::monostate>(value_); }
  bool IsBool() const { return std::holds_alternative<bool>(value_); }
  bool IsInt() const { return std::holds_alternative<int64_t>(value_); }
  bool IsFloat() const { return std::holds_alternative<double>(value_); }
  bool IsString() const { return std::holds_alternative<std::string>(value_); }
  bool IsList() const { return std::holds_alternative<List>(value_); }
  bool IsMap() const { return std::holds_alternative<Map>(value_); }
  bool IsScalar() const { return !IsList() && !IsMap(); }
  bool IsNumber() const { return IsBool() || IsInt() || IsFloat(); }
  // Python's name of the type: "str", "dict", ...
  std::string_view TypeName() const;

  // Each wants its type.
  bool AsBool() const { return std::get<bool>(value_); }
  int64_t AsInt() const { return std::get<int64_t>(value_); }
  double AsFloat() const { return std::get<double>(value_); }
  const std::string& AsString() const { return std::get<std::string>(value_); }
  const List& AsList() const { return std::get<List>(value_); }
  List& AsList() { return std::get<List>(value_); }
  const Map& AsMap() const { return std::get<Map>(value_); }
  Map& AsMap() { return std::get<Map>(value_); }

  // The value under a key of a map, or null.
  const Value* Find(std::string_view key) const;
  Value* Find(std::string_view key);
  void Set(std::string_view key, Value value);
  // The value at a dotted path through maps and lists ("train.layers.0"), or null. As dpath does,
  // keys that are numbers are compared as text.
  const Value* At(std::string_view path) const;

 private:
  std::variant<std::monostate, bool, int64_t, double, std::string, List, Map> value_;
};

// Python's ==: 1 == 1.0 == True; maps whatever their order.
bool Equals(const Value& a, const Value& b);

// A node as ruamel.yaml reads it by YAML 1.2. A date or time is an error: DVC has no way with
// them. An integer beyond 64 bits is one, too.
Result<Value> FromYaml(const Yaml& node);
Value FromJson(const Json& json);
Json ToJson(const Value& value);  // keys that are no text become text

// repr() of a float: 1e-05, 1e+16, 100000.0, inf.
std::string FloatText(double value);
// str() of a scalar, with true and false as DVC prints them into a command; None is "None".
std::string ScalarText(const Value& value);
// For people: a scalar's text, else compact JSON.
std::string ShowValue(const Value& value);
// json.dumps(value, sort_keys=True), without the members named in `without`, at any depth.
std::string PythonJson(const Value& value, const std::vector<std::string_view>& without = {});
// True when ruamel reads this plain text as something else than a string.
bool PlainTextIsNoString(std::string_view text);

}  // namespace tatara::pipelines
