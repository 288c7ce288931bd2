#include "pipelines/templating.h"

#include <algorithm>
#include <optional>

#include "base/strings.h"

namespace tatara::pipelines {
namespace {

struct Expression {
  size_t begin = 0, end = 0;  // of "${...}"
  std::string_view inner;
};

// The next unescaped "${...}" of one line, from `from` on.
std::optional<Expression> NextExpression(std::string_view text, size_t from) {
  for (;;) {
    const size_t begin = text.find("${", from);
    if (begin == std::string_view::npos) return {};
    const size_t close = text.find_first_of("}\n", begin + 2);
    if (close != std::string_view::npos && text[close] == '}' &&
        (begin == 0 || text[begin - 1] != '\\')) {
      return Expression{begin, close + 1, text.substr(begin + 2, close - begin - 2)};
    }
    from = begin + 2;
  }
}

// word { "." word | "[" word "]" }
Result<std::vector<std::string>> ParseExpression(std::string_view text) {
  const auto broken = [&] {
    return Invalid("'${" + std::string(text) +
                   "}' is no expression; ${name}, ${name.part} and ${name[0]} are");
  };
  std::vector<std::string> parts;
  std::string_view rest = text;
  for (bool first = true; first || !rest.empty(); first = false) {
    char open = '.';
    if (!first) {
      open = rest[0];
      if (open != '.' && open != '[') return broken();
      rest.remove_prefix(1);
    }
    const size_t end = std::min(rest.find_first_of(".[]"), rest.size());
    const std::string_view word = Trim(rest.substr(0, end));
    if (word.empty()) return broken();
    parts.emplace_back(word);
    rest.remove_prefix(end);
    if (open == '[') {
      if (rest.empty() || rest[0] != ']') return broken();
      rest.remove_prefix(1);
    }
  }
  return parts;
}

Status MergeInto(Value& into, const Value& update, const std::string& prefix,
                 const std::string& source) {
  for (const auto& [key, value] : update.AsMap()) {
    if (!key.IsString()) continue;  // cannot be named in an expression
    const std::string path = prefix.empty() ? key.AsString() : prefix + "." + key.AsString();
    Value* old = into.Find(key.AsString());
    if (old == nullptr) {
      into.Set(key.AsString(), value);
    } else if (old->IsMap() && value.IsMap()) {
      TRY(MergeInto(*old, value, path, source));
    } else {
      return Invalid("cannot redefine '" + path + "' from '" + source + "': it exists already");
    }
  }
  return {};
}

void Flatten(const Value& map, const std::string& prefix,
             std::vector<std::pair<std::string, const Value*>>& out) {
  for (const auto& [key, value] : map.AsMap()) {
    const std::string name = key.IsString() ? key.AsString() : ScalarText(key);
    const std::string path = prefix.empty() ? name : prefix + "." + name;
    if (value.IsMap())
      Flatten(value, path, out);
    else
      out.emplace_back(path, &value);
  }
}

// How Python's f-string shows a scalar that is no bool on its own.
std::string ArgumentText(const Value& value) {
  if (value.IsString()) return ShellQuote(value.AsString());
  if (value.IsBool()) return value.AsBool() ? "True" : "False";
  return ScalarText(value);
}

}  // namespace

std::string ShellQuote(std::string_view word) {
  if (word.empty()) return "''";
  const bool safe = std::ranges::all_of(word, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("_@%+=:,./-").find(c) != std::string_view::npos;
  });
  return safe ? std::string(word) : "'" + ReplaceAll(word, "'", "'\"'\"'") + "'";
}

bool HasExpression(std::string_view text) { return NextExpression(text, 0).has_value(); }

bool HasExpressionInside(const Value& value) {
  if (value.IsString()) return HasExpression(value.AsString());
  if (value.IsList()) return std::ranges::any_of(value.AsList(), HasExpressionInside);
  if (!value.IsMap()) return false;
  return std::ranges::any_of(value.AsMap(), [](const auto& member) {
    return HasExpressionInside(member.first) || HasExpressionInside(member.second);
  });
}

Status Variables::Merge(const Value& map, const std::string& source) {
  if (!map.IsMap()) return Invalid("'" + source + "' holds no map of variables");
  for (const auto& [key, value] : map.AsMap()) {
    if (key.IsString() && loop_.Find(key.AsString()) != nullptr) {
      return Invalid("'" + source + "' sets '" + key.AsString() +
                     "', which is reserved inside foreach and matrix");
    }
  }
  return MergeInto(values_, map, "", source);
}

void Variables::SetLoop(const Value& item, const Value* key) {
  loop_ = Value::MakeMap();
  loop_.Set("item", item);
  if (key != nullptr) loop_.Set("key", *key);
}

void Variables::ClearLoop() { loop_ = Value::MakeMap(); }

Result<Value> Variables::Evaluate(std::string_view expression) const {
  const std::vector<std::string> path = TRY(ParseExpression(expression));
  const Value* at = loop_.Find(path[0]);
  if (at == nullptr) at = values_.Find(path[0]);
  for (size_t i = 1; i < path.size() && at != nullptr; ++i) {
    if (at->IsList()) {
      int64_t index = 0;
      const auto size = static_cast<int64_t>(at->AsList().size());
      const bool good = ParseInt(path[i], index);
      if (index < 0) index += size;  // Python counts from the end
      at = good && index >= 0 && index < size ? &at->AsList()[static_cast<size_t>(index)] : nullptr;
    } else {
      at = at->Find(path[i]);
    }
  }
  if (at == nullptr) return Invalid("Could not find '" + Join(path, ".") + "'");
  return *at;
}

Result<std::string> Variables::OptionsText(const Value& map) const {
  std::vector<std::pair<std::string, const Value*>> leaves;
  Flatten(map, "", leaves);
  std::string out;
  for (const auto& [name, value] : leaves) {
    if (value->IsBool()) {
      if (value->AsBool()) out += "--" + name + " ";
      if (!value->AsBool() && style_.boolean_optional) out += "--no-" + name + " ";
    } else if (value->IsList()) {
      bool first = true;
      for (const Value& item : value->AsList()) {
        if (!item.IsScalar()) {
          return Invalid("'" + name + "' is a list inside a list: no option can be made of it");
        }
        if (first || style_.append_lists) out += "--" + name + " ";
        out += ArgumentText(item) + " ";
        first = false;
      }
    } else {
      out += "--" + name + " " + ArgumentText(*value) + " ";
    }
  }
  return std::string(out.substr(0, out.find_last_not_of(' ') + 1));
}

Result<Value> Variables::ResolveText(const std::string& text, std::string_view section) const {
  const auto first = NextExpression(text, 0);
  const auto refuse = [&](const Value& value) {
    return Invalid("Cannot interpolate data of type '" + std::string(value.TypeName()) + "'");
  };
  if (first && first->begin == 0 && first->end == text.size()) {
    Value value = TRY(Evaluate(first->inner));
    if (value.IsMap() && section == "cmd") return Value(TRY(OptionsText(value)));
    if (!value.IsScalar() && !section.empty()) return refuse(value);
    return value;
  }
  std::string out;
  size_t done = 0;
  for (auto next = first; next; next = NextExpression(text, next->end)) {
    const Value value = TRY(Evaluate(next->inner));
    out += std::string_view(text).substr(done, next->begin - done);
    if (value.IsMap() && section == "cmd")
      out += TRY(OptionsText(value));
    else if (!value.IsScalar())
      return refuse(value);
    else
      out += ScalarText(value);
    done = next->end;
  }
  out += std::string_view(text).substr(done);
  return Value(ReplaceAll(out, "\\${", "${"));
}

Result<Value> Variables::Resolve(const Value& source, std::string_view section) const {
  if (source.IsString()) return ResolveText(source.AsString(), section);
  if (source.IsList()) {
    Value::List list;
    for (const Value& item : source.AsList()) list.push_back(TRY(Resolve(item, section)));
    return Value(std::move(list));
  }
  if (source.IsMap()) {
    Value::Map map;
    for (const auto& [key, value] : source.AsMap()) {
      Value name = TRY(Resolve(key, section));
      if (!name.IsScalar()) return Invalid("a key cannot be a list or a map");
      map.emplace_back(std::move(name), TRY(Resolve(value, section)));
    }
    return Value(std::move(map));
  }
  return source;
}

}  // namespace tatara::pipelines
