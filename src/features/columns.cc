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

// `column` as the values that all keys of `kind` share.
std::string Expression(const std::string& column, KeyKind own, KeyKind kind, bool nanos,
                       const std::string& other_type) {
  const bool untyped = own == KeyKind::kUntyped;
  switch (kind) {
    case KeyKind::kInteger:
      return untyped ? Cast(column, "BIGINT") : column;
    case KeyKind::kWideInteger:
      return Cast(untyped ? Cast(column, other_type) : column, "VARCHAR");
    case KeyKind::kText:
      return Cast(column, "VARCHAR");
    case KeyKind::kBool:
      return untyped ? Cast(column, "BOOLEAN") : column;
    case KeyKind::kDate:
      return untyped ? Cast(column, "DATE") : column;
    case KeyKind::kTimestamp: {
      const std::string instant =
          untyped ? Cast(column, nanos ? "TIMESTAMP_NS" : "TIMESTAMPTZ") : column;
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
  const std::string name = sql::QuoteName(key);
  return KeyMatch{Expression(name, of_left, kind, nanos, right.declared),
                  Expression(name, of_right, kind, nanos, left.declared)};
}

}  // namespace tatara::features
