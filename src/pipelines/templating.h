// `${}` in dvc.yaml: the variables of a file and what an expression becomes. Pure.
//
// Rules (DVC's): maps merge deeply, a leaf is never redefined; only scalars are put into text,
// except a map in `cmd`, which becomes options (`--key value`); a text that is one expression takes
// the value with its type; `\${` is a literal `${`.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "pipelines/value.h"

namespace tatara::pipelines {

struct TemplateStyle {            // [parsing] of .dvc/config
  bool boolean_optional = false;  // false in a map becomes --no-key
  bool append_lists = false;      // a list repeats its option
};

class Variables {
 public:
  explicit Variables(TemplateStyle style = {}) : style_(style) {}

  // Adds a map; kInvalid names the key that exists already, or one that is reserved.
  Status Merge(const Value& map, const std::string& source);
  // `item` and `key` of foreach and matrix; they hide others and may not be merged over.
  void SetLoop(const Value& item, const Value* key);
  void ClearLoop();
  bool Has(std::string_view name) const { return values_.Find(name) != nullptr; }

  // All text in `source`, keys too. `section` is the stage's key that it stands under ("cmd", ...);
  // empty: containers may be taken whole (foreach, matrix).
  Result<Value> Resolve(const Value& source, std::string_view section) const;
  Result<Value> ResolveText(const std::string& text, std::string_view section) const;

 private:
  Result<Value> Evaluate(std::string_view expression) const;
  Result<std::string> OptionsText(const Value& map) const;

  TemplateStyle style_;
  Value values_ = Value::MakeMap();
  Value loop_ = Value::MakeMap();
};

// The text holds an expression (not an escaped one).
bool HasExpression(std::string_view text);
bool HasExpressionInside(const Value& value);

// A word as POSIX shells take it literally: Python's shlex.quote.
std::string ShellQuote(std::string_view word);

}  // namespace tatara::pipelines
