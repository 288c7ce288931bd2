// From a pattern's JSON text to its compiled form.
#include <simdjson.h>

#include <algorithm>
#include <map>

#include "base/json.h"
#include "base/strings.h"
#include "events/compiled.h"

namespace tatara::events::pattern {
namespace {

namespace ondemand = simdjson::ondemand;
using Op = Clause::Op;

constexpr size_t kConjunctionsMax = 1000;
constexpr int kDepthMax = 100;

// JSON with the spelling of its numbers; of doubled names the last counts.
struct Node {
  enum class Kind { kObject, kArray, kText, kNumber, kTrue, kFalse, kNull };
  Kind kind = Kind::kNull;
  std::string text;
  std::vector<Node> items;
  std::vector<std::pair<std::string, Node>> members;
  const Node& only() const { return members.front().second; }
};

// The text has been parsed before: errors cannot happen here.
Node ToNode(ondemand::value value) {
  Node out;
  switch (value.type().value_unsafe()) {
    case ondemand::json_type::object: {
      out.kind = Node::Kind::kObject;
      ondemand::object object = value.get_object().value_unsafe();
      for (auto member : object) {
        std::string name(member.unescaped_key().value_unsafe());
        Node child = ToNode(member.value().value_unsafe());
        std::erase_if(out.members, [&](const auto& old) { return old.first == name; });
        out.members.emplace_back(std::move(name), std::move(child));
      }
      break;
    }
    case ondemand::json_type::array: {
      out.kind = Node::Kind::kArray;
      ondemand::array array = value.get_array().value_unsafe();
      for (auto item : array) out.items.push_back(ToNode(item.value_unsafe()));
      break;
    }
    case ondemand::json_type::string:
      out.kind = Node::Kind::kText;
      out.text = value.get_string().value_unsafe();
      break;
    case ondemand::json_type::number:
      out.kind = Node::Kind::kNumber;
      out.text = Trim(value.raw_json_token());
      break;
    case ondemand::json_type::boolean:
      out.kind = value.get_bool().value_unsafe() ? Node::Kind::kTrue : Node::Kind::kFalse;
      break;
    case ondemand::json_type::null:
      break;
  }
  return out;
}

Result<Node> ParseNode(std::string_view text) {
  TRY(ParseJson(text, {.depth_max = kDepthMax}));
  const simdjson::padded_string padded(text);
  ondemand::parser parser;
  ondemand::document document;
  if (parser.iterate(padded).get(document)) return Invalid("not valid JSON");
  ondemand::value root;
  if (document.get_value().get(root)) return Invalid("a pattern must be a JSON object");
  return ToNode(root);
}

bool IsReserved(std::string_view name) {
  static constexpr std::string_view kNames[] = {
      "exactly", "equals-ignore-case", "prefix", "suffix", "anything-but", "exists", "wildcard",
      "numeric", "cidr", "=", "<", "<=", ">", ">=",
      // kept for later by the language
      "regex", "not-wildcard", "not-equals-ignore-case", "date-after", "date-on-or-after",
      "date-before", "date-on-or-before", "in-date-range", "ip-address-in-range",
      "ip-address-not-in-range"};
  return std::ranges::find(kNames, name) != std::end(kNames);
}

bool IsOr(const Node& node);

// No operator word, nor a "$or" that is none, anywhere in the objects of a branch.
bool MayBeBranch(const Node& node) {
  return std::ranges::none_of(node.members, [](const auto& member) {
    const auto& [name, value] = member;
    return IsReserved(name) || (name == "$or" && !IsOr(value)) ||
           (value.kind == Node::Kind::kObject && !MayBeBranch(value));
  });
}

// At least two objects whose names are not operator words; otherwise "$or" is an ordinary name.
bool IsOr(const Node& node) {
  if (node.kind != Node::Kind::kArray || node.items.size() < 2) return false;
  return std::ranges::all_of(node.items, [](const Node& branch) {
    return branch.kind == Node::Kind::kObject && MayBeBranch(branch);
  });
}

Result<std::vector<std::string>> WildcardPieces(const std::string& text) {
  std::vector<std::string> pieces(1);
  for (size_t i = 0; i < text.size(); ++i) {
    const char next = i + 1 < text.size() ? text[i + 1] : '\0';
    if (text[i] == '*') {
      if (next == '*') return Invalid("'**' in wildcard '" + text + "': one star is enough");
      pieces.emplace_back();
    } else if (text[i] == '\\') {
      if (next != '*' && next != '\\') {
        return Invalid("wildcard '" + text + "': a backslash escapes only '*' and '\\'");
      }
      pieces.back() += next;
      ++i;
    } else {
      pieces.back() += text[i];
    }
  }
  return pieces;
}

Result<Clause> TextClause(Op op, const Node& node, std::string_view name) {
  if (node.kind != Node::Kind::kText) {
    return Invalid("'" + std::string(name) + "' must be a string");
  }
  Clause out;
  out.op = op;
  out.text = node.text;
  if (op == Op::kIgnoreCase || op == Op::kPrefixIgnoreCase || op == Op::kSuffixIgnoreCase) {
    out.letters = LettersOf(node.text);
  } else if (op == Op::kWildcard) {
    out.pieces = TRY(WildcardPieces(node.text));
  }
  return out;
}

// {"prefix": "x"} or {"prefix": {"equals-ignore-case": "x"}}, and the same for suffix.
Result<Clause> AffixClause(Op plain, Op ignore_case, const Node& node, std::string_view name) {
  if (node.kind != Node::Kind::kObject) return TextClause(plain, node, name);
  if (node.members.size() != 1 || node.members[0].first != "equals-ignore-case") {
    return Invalid("'" + std::string(name) + "' takes a string or {\"equals-ignore-case\": ...}");
  }
  return TextClause(ignore_case, node.only(), "equals-ignore-case");
}

Result<Clause> NumberClause(const Node& node) {
  Clause out;
  out.op = Op::kNumber;
  out.low = Clause::Bound::Of(node.text, false);
  return out;
}

// ["=", 1], [">", 1], [">", 1, "<=", 5]
Result<Clause> NumericClause(const Node& node) {
  const auto bad = [](const std::string& what) {
    return Invalid("'numeric': " + what + "; want such as [\">\", 0, \"<=\", 5]");
  };
  if (node.kind != Node::Kind::kArray) return bad("it must be a list");
  const auto& items = node.items;
  if (items.size() != 2 && items.size() != 4) return bad("it takes one or two bounds");
  for (size_t i = 0; i < items.size(); ++i) {
    const auto wanted = i % 2 == 0 ? Node::Kind::kText : Node::Kind::kNumber;
    if (items[i].kind != wanted) return bad("operators are strings, each followed by a number");
  }
  const std::string& op = items[0].text;
  if (op == "=" && items.size() == 2) return NumberClause(items[1]);
  Clause out;
  out.op = Op::kRange;
  if (op == ">" || op == ">=") {
    out.low = Clause::Bound::Of(items[1].text, op == ">");
  } else if ((op == "<" || op == "<=") && items.size() == 2) {
    out.high = Clause::Bound::Of(items[1].text, op == "<");
  } else {
    return bad("'" + op + "' is not possible there");
  }
  if (items.size() == 2) return out;
  const std::string& second = items[2].text;
  if (second != "<" && second != "<=") return bad("'" + second + "' is not possible there");
  out.high = Clause::Bound::Of(items[3].text, second == "<");
  if (Compare(out.low.AsNumber(), out.high.AsNumber()) >= 0) {
    return bad("the lower bound must be less than the upper one");
  }
  return out;
}

Result<Clause> CidrClause(const Node& node) {
  if (node.kind != Node::Kind::kText) return Invalid("'cidr' must be a string");
  const auto bad = [&](const std::string& what) {
    return Invalid("cidr '" + node.text + "': " + what);
  };
  const std::vector<std::string> parts = Split(node.text, '/');
  if (parts.size() != 2) return bad("want ADDRESS/BITS");
  const auto ip = ReadIp(parts[0]);
  if (!ip) return bad("'" + parts[0] + "' is no IP address");
  int64_t bits = 0;
  if (!ParseInt(parts[1], bits) || bits < 0) return bad("the mask must be a whole number");
  if (bits > static_cast<int64_t>(ip->size) * 8 - 1) {
    return bad("an address of this kind takes at most " + std::to_string(ip->size * 8 - 1) +
               " bits");
  }
  Clause out;
  out.op = Op::kCidr;
  out.text = node.text;
  out.ip = out.ip_last = *ip;
  for (int64_t bit = bits; bit < static_cast<int64_t>(ip->size) * 8; ++bit) {
    const auto mask = static_cast<uint8_t>(0x80 >> (bit % 8));
    out.ip.bytes[static_cast<size_t>(bit / 8)] &= static_cast<uint8_t>(~mask);
    out.ip_last.bytes[static_cast<size_t>(bit / 8)] |= mask;
  }
  return out;
}

// {"anything-but": {"prefix": "x" or ["x", "y"]}} and its siblings.
Status AddButTexts(const Node& node, Clause& out) {
  static constexpr std::pair<std::string_view, Op> kOps[] = {
      {"prefix", Op::kPrefix},
      {"suffix", Op::kSuffix},
      {"equals-ignore-case", Op::kIgnoreCase},
      {"wildcard", Op::kWildcard}};
  const auto found = std::ranges::find_if(kOps, [&](const auto& row) {
    return node.members.size() == 1 && node.members[0].first == row.first;
  });
  if (found == std::end(kOps)) {
    return Invalid("'anything-but' takes one of prefix, suffix, equals-ignore-case, wildcard");
  }
  const Node& value = node.only();
  const std::vector<Node> list =
      value.kind == Node::Kind::kArray ? value.items : std::vector<Node>{value};
  if (list.empty()) {
    return Invalid("'anything-but': the list of '" + std::string(found->first) + "' is empty");
  }
  for (const Node& item : list) {
    out.but.push_back(TRY(TextClause(found->second, item, found->first)));
    const bool affix = found->second == Op::kPrefix || found->second == Op::kSuffix;
    if (affix && out.but.back().text.empty()) {
      return Invalid("'anything-but': an empty " + std::string(found->first) +
                     " would leave nothing");
    }
  }
  return {};
}

Result<Clause> AnythingButClause(const Node& node) {
  Clause out;
  out.op = Op::kAnythingBut;
  if (node.kind == Node::Kind::kObject) {
    TRY(AddButTexts(node, out));
    return out;
  }
  const std::vector<Node> list =
      node.kind == Node::Kind::kArray ? node.items : std::vector<Node>{node};
  for (const Node& item : list) {
    if (item.kind != list[0].kind ||
        (item.kind != Node::Kind::kText && item.kind != Node::Kind::kNumber)) {
      return Invalid("'anything-but' takes strings or numbers, not both, and nothing else");
    }
    out.but.push_back(item.kind == Node::Kind::kText
                          ? TRY(TextClause(Op::kText, item, "anything-but"))
                          : TRY(NumberClause(item)));
  }
  if (list.empty()) return Invalid("'anything-but': the list is empty");
  return out;
}

Result<Clause> ExistsClause(const Node& node) {
  if (node.kind != Node::Kind::kTrue && node.kind != Node::Kind::kFalse) {
    return Invalid("'exists' must be true or false");
  }
  Clause out;
  out.op = node.kind == Node::Kind::kTrue ? Op::kExists : Op::kAbsent;
  return out;
}

Result<Clause> OperatorClause(const Node& node) {
  if (node.members.size() != 1) {
    return Invalid("a match expression has exactly one key, such as {\"prefix\": \"a\"}");
  }
  const auto& [name, value] = node.members[0];
  if (name == "exactly") return TextClause(Op::kText, value, name);
  if (name == "prefix") return AffixClause(Op::kPrefix, Op::kPrefixIgnoreCase, value, name);
  if (name == "suffix") return AffixClause(Op::kSuffix, Op::kSuffixIgnoreCase, value, name);
  if (name == "equals-ignore-case") return TextClause(Op::kIgnoreCase, value, name);
  if (name == "wildcard") return TextClause(Op::kWildcard, value, name);
  if (name == "numeric") return NumericClause(value);
  if (name == "cidr") return CidrClause(value);
  if (name == "exists") return ExistsClause(value);
  if (name == "anything-but") return AnythingButClause(value);
  static const std::vector<std::string> kNames = {"prefix",   "suffix",       "equals-ignore-case",
                                                  "wildcard", "numeric",      "exists",
                                                  "cidr",     "anything-but", "exactly"};
  const std::string hint = DidYouMean(name, kNames);
  return Invalid("unknown match operator '" + name + "'" +
                 (hint.empty() ? "; there are " + Join(kNames, ", ") : hint));
}

Result<Clause> ValueClause(const Node& node) {
  Clause out;
  switch (node.kind) {
    case Node::Kind::kObject:
      return OperatorClause(node);
    case Node::Kind::kText: {
      out = TRY(TextClause(Op::kText, node, "value"));
      if (const auto ip = ReadIp(node.text)) {
        out.op = Op::kIp;
        out.ip = *ip;
      }
      return out;
    }
    case Node::Kind::kNumber:
      return NumberClause(node);
    case Node::Kind::kTrue:
      out.op = Op::kTrue;
      return out;
    case Node::Kind::kFalse:
      out.op = Op::kFalse;
      return out;
    case Node::Kind::kNull:
      out.op = Op::kNull;
      return out;
    case Node::Kind::kArray:
      break;
  }
  return Invalid("a value must be a string, number, true, false, null or a match expression");
}

// Conjunctions by path while they grow; a path that comes again replaces the earlier one.
using Draft = std::map<std::string, Field>;

class Builder {
 public:
  Result<Compiled> Build(const Node& root) {
    if (root.kind != Node::Kind::kObject) return Invalid("a pattern must be a JSON object");
    std::vector<Draft> drafts(1);
    TRY(Object(root, "", drafts));
    Compiled out;
    for (Draft& draft : drafts) {
      Conjunction& fields = out.any.emplace_back();
      for (auto& [path, field] : draft) fields.push_back(std::move(field));
    }
    return out;
  }

 private:
  static std::string Where(const std::string& path) { return path.empty() ? "pattern" : path; }

  Status Object(const Node& node, const std::string& path, std::vector<Draft>& drafts) {
    if (node.members.empty()) {
      return Invalid(Where(path) + ": empty objects are not allowed");
    }
    for (const auto& [name, value] : node.members) {
      if (name == "$or" && IsOr(value)) {
        TRY(Or(value, path, drafts));
        continue;
      }
      const std::string inner = path.empty() && !in_object_ ? name : path + "." + name;
      if (value.kind == Node::Kind::kObject) {
        const bool before = in_object_;
        in_object_ = true;
        TRY(Object(value, inner, drafts));
        in_object_ = before;
      } else if (value.kind == Node::Kind::kArray) {
        TRY(Leaf(value, inner, drafts));
      } else {
        return Invalid(inner + ": must be an object or a list of values");
      }
    }
    return {};
  }

  Status Or(const Node& node, const std::string& path, std::vector<Draft>& drafts) {
    const std::vector<Draft> before = drafts;
    drafts.clear();
    for (const Node& branch : node.items) {
      std::vector<Draft> mine = before;
      TRY(Object(branch, path, mine));
      for (Draft& draft : mine) drafts.push_back(std::move(draft));
      if (drafts.size() > kConjunctionsMax) {
        return Invalid("$or: the pattern has more than " + std::to_string(kConjunctionsMax) +
                       " combinations");
      }
    }
    return {};
  }

  static Status Leaf(const Node& node, const std::string& path, std::vector<Draft>& drafts) {
    if (node.items.empty()) return Invalid(path + ": empty lists are not allowed");
    Field field;
    field.path = path;
    for (const Node& item : node.items) {
      auto clause = ValueClause(item);
      if (!clause) return std::unexpected(Prefixed(path, clause.error()));
      field.may_be_absent = field.may_be_absent || clause->op == Op::kAbsent;
      field.clauses.push_back(*std::move(clause));
    }
    for (Draft& draft : drafts) draft[path] = field;
    return {};
  }

  bool in_object_ = false;  // an empty name is a step too: "" at the top and ".a" below differ
};

}  // namespace

Result<Compiled> Read(std::string_view text) {
  const Node root = TRY(ParseNode(text));
  return Builder().Build(root);
}

}  // namespace tatara::events::pattern
