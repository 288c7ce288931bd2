#include "features/columns.h"

#include "base/strings.h"

namespace tatara::features {
namespace {

enum class KeyKind { kUntyped, kInteger, kWideInteger, kText, kBool, kDate, kTimestamp, kNone };

KeyKind KindOf(const sql::ColumnInfo& column, bool is_csv) {
  if (is_csv) return KeyKind::kUntyped;
  switch (column.type) {
    case sql::Type::kInt:
      return KeyKind::kInteger;
    case sql::Type::kDecimal:
      return column.declared.starts_with("DECIMAL") ? KeyKind::kNone : KeyKind::kWideInteger;
    case sql::Type::kText:
      return KeyKind::kText;
    case sql::Type::kBool:
      return KeyKind::kBool;
    case sql::Type::kDate:
      return KeyKind::kDate;
    case sql::Type::kTimestamp:
    case sql::Type::kTimestampNanos:
      return KeyKind::kTimestamp;
    default:
      return KeyKind::kNone;
  }
}

bool IsInteger(KeyKind kind) { return kind == KeyKind::kInteger || kind == KeyKind::kWideInteger; }

std::string Cast(const std::string& sql, const std::string& type) {
  return "CAST(" + sql + " AS " + type + ")";
}

// What a key of CSV may look like to be of a type: what the type holds without loss ("1.0" is an
// integer, "1.7" is none), since a cast alone rounds and cuts.
constexpr std::string_view kIntegerText = "\\s*[+-]?[0-9]+(\\.0*)?\\s*";
constexpr std::string_view kBoolText = "(?i:true|false)";
constexpr std::string_view kDateText = "[0-9]{4}-[0-9]{2}-[0-9]{2}";
constexpr std::string_view kTimestampText =
    "[0-9]{4}-[0-9]{2}-[0-9]{2}([ T][0-9]{2}:[0-9]{2}(:[0-9]{2}([.,][0-9]+)?)?"
    "(Z|z|[+-][0-9]{2}(:?[0-9]{2})?)?)?";

// One side of a key that is matched.
struct Side {
  const Input& input;
  std::string name;    // of the column
  KeyKind own;         // what the file says
  std::string wanted;  // the type that the other side has
};

// A CSV key as `type`: an error for a text that is none, null for a value that `type` cannot hold
// and that therefore matches nothing.
std::string CastCsv(const Side& side, const std::string& type, std::string_view pattern) {
  const std::string column = sql::QuoteName(side.name);
  const std::string before =
                        side.input.label + " (" + side.input.path + "): key '" + side.name + "': '",
                    after = "' is no " + side.wanted + ", which the other side's are";
  return "CASE WHEN " + column + " IS NULL OR regexp_full_match(" + column + ", " +
         sql::QuoteText(pattern) + ") THEN TRY_CAST(" + column + " AS " + type + ") ELSE error(" +
         sql::QuoteText(before) + " || " + column + " || " + sql::QuoteText(after) + ") END";
}

// The column as the values that all keys of `kind` share.
std::string Expression(const Side& side, KeyKind kind, bool nanos) {
  const std::string column = sql::QuoteName(side.name);
  const bool untyped = side.own == KeyKind::kUntyped;
  switch (kind) {
    case KeyKind::kInteger:
      return untyped ? CastCsv(side, "BIGINT", kIntegerText) : column;
    case KeyKind::kWideInteger:
      return Cast(untyped ? CastCsv(side, side.wanted, kIntegerText) : column, "VARCHAR");
    case KeyKind::kText:
      return Cast(column, "VARCHAR");
    case KeyKind::kBool:
      return untyped ? CastCsv(side, "BOOLEAN", kBoolText) : column;
    case KeyKind::kDate:
      return untyped ? CastCsv(side, "DATE", kDateText) : column;
    case KeyKind::kTimestamp: {
      const std::string instant =
          untyped ? CastCsv(side, nanos ? "TIMESTAMP_NS" : "TIMESTAMPTZ", kTimestampText) : column;
      return nanos ? "epoch_ns(" + instant + ")" : instant;
    }
    default:
      return column;
  }
}

std::unexpected<Error> BadKey(const Input& input, const sql::ColumnInfo& column) {
  return Invalid(input.label + ": key '" + column.name + "' is " + column.declared +
                 "; keys are integers, text, bool, date or timestamp");
}

}  // namespace

Result<sql::ColumnInfo> Input::Find(const std::string& column) const {
  std::vector<std::string> names;
  for (const sql::ColumnInfo& info : file.columns) {
    if (info.name == column) return info;
    names.push_back(info.name);
  }
  return Invalid(label + " (" + path + ") has no column '" + column + "'" +
                 DidYouMean(column, names));
}

Result<Input> OpenInput(sql::Engine& engine, std::string label, const std::string& path) {
  auto file = sql::OpenFile(engine, path);
  if (!file) return std::unexpected(Prefixed(label, file.error()));
  return Input{std::move(label), path, std::move(*file)};
}

Result<KeyMatch> MatchKey(const Input& spine, const Input& source, const std::string& key) {
  const sql::ColumnInfo left = TRY(spine.Find(key));
  const sql::ColumnInfo right = TRY(source.Find(key));
  const KeyKind of_left = KindOf(left, spine.file.is_csv),
                of_right = KindOf(right, source.file.is_csv);
  if (of_left == KeyKind::kNone) return BadKey(spine, left);
  if (of_right == KeyKind::kNone) return BadKey(source, right);
  KeyKind kind = of_left == KeyKind::kUntyped ? of_right : of_left;
  if (kind == KeyKind::kUntyped) kind = KeyKind::kText;
  const bool both_typed = of_left != KeyKind::kUntyped && of_right != KeyKind::kUntyped;
  if (both_typed && of_left != of_right) {
    if (!IsInteger(of_left) || !IsInteger(of_right)) {
      return Invalid("key '" + key + "' is " + left.declared + " in " + spine.label + " but " +
                     right.declared + " in " + source.label);
    }
    kind = KeyKind::kWideInteger;
  }
  const bool nanos = (of_left == KeyKind::kTimestamp && left.type == sql::Type::kTimestampNanos) ||
                     (of_right == KeyKind::kTimestamp && right.type == sql::Type::kTimestampNanos);
  return KeyMatch{Expression({spine, key, of_left, right.declared}, kind, nanos),
                  Expression({source, key, of_right, left.declared}, kind, nanos)};
}

}  // namespace tatara::features
