// Columns that come out of a query, and go in as tables.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tatara::sql {

enum class Type {
  kBool,            // ints: 0 or 1
  kInt,             // ints: every integer of up to 64 bits, but UBIGINT
  kDouble,          // doubles: FLOAT, DOUBLE
  kDecimal,         // doubles, the nearest, and texts, exact: DECIMAL, UBIGINT, HUGEINT, UHUGEINT
  kText,            // texts: VARCHAR, ENUM
  kDate,            // ints: days since 1970
  kTimestamp,       // ints: microseconds since 1970; without a zone it is UTC
  kTimestampNanos,  // ints: nanoseconds since 1970
  kBlob,            // texts: raw bytes
  kOther,           // texts: TIME, INTERVAL, UUID, BIT as DuckDB writes them
  kJson,            // texts: LIST, STRUCT, MAP, ARRAY, UNION as JSON
};
std::string_view TypeName(Type type);

struct ColumnInfo {
  std::string name;
  Type type = Type::kOther;
  std::string declared;  // DuckDB's word: "INTEGER", "DECIMAL(18,3)", "STRUCT(a INTEGER)"
};

// One column. `valid` has an entry for each row (1: there is a value); where it is 0 the value's
// place holds 0 or "".
struct Column : ColumnInfo {
  std::vector<uint8_t> valid;
  std::vector<int64_t> ints;
  std::vector<double> doubles;
  std::vector<std::string> texts;

  size_t rows() const { return valid.size(); }
  // kBool, kInt, kDouble, kDecimal as doubles; NaN where there is no value.
  std::vector<double> Numbers() const;
};

// Columns of one length.
struct Table {
  std::vector<Column> columns;
  size_t rows() const { return columns.empty() ? 0 : columns.front().rows(); }
  // By exact name; null when there is none.
  const Column* Find(std::string_view name) const;
};

// A cell for people: "" for null, floats as the shortest text, times as ISO 8601.
std::string CellText(const Column& column, size_t row);
// A cell as strict JSON text: null, number, string, true; NaN and infinities are null.
void AppendCellJson(std::string& out, const Column& column, size_t row);

}  // namespace tatara::sql
