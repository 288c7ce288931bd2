// DuckDB's vectors as columns of ours.
#pragma once

#include <string>
#include <vector>

#include "sql/column.h"
#include "sql/duckdb/handles.h"

namespace tatara::sql {

// "DECIMAL(18,3)", "STRUCT(a INTEGER, b VARCHAR[])".
std::string DeclaredType(duckdb_logical_type type);
Type TypeOf(duckdb_logical_type type);

// Turns the values of one column's vectors into a Column's. Made once for a query's column.
class ColumnReader {
 public:
  ColumnReader(std::string name, LogicalType type);
  const ColumnInfo& info() const { return info_; }
  duckdb_logical_type type() const { return type_.get(); }
  // An empty column of this name and type.
  Column Empty() const;
  // Appends the first `rows` values of a flat vector.
  void Append(duckdb_vector vector, size_t rows, Column& column) const;

 private:
  ColumnInfo info_;
  LogicalType type_;
  duckdb_type id_;
  std::vector<std::string> words_;  // of an ENUM
};

// Removes the rows of a column, keeping its memory.
void ClearColumn(Column& column);

}  // namespace tatara::sql
