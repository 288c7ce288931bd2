// What the module that is loaded at run time (tatara_duckdb.so) gives to Engine. One compiler makes
// both sides, so plain virtual functions are the interface.
//
// The driver knows DuckDB and nothing else: limits, durable files and messages are Engine's work.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "sql/sql.h"

namespace tatara::sql {

enum class StatementKind { kReads, kExplains, kChanges, kSeveral };

// The rows of one query, piece by piece.
class Cursor {
 public:
  virtual ~Cursor() = default;
  virtual const std::vector<ColumnInfo>& columns() const = 0;
  // Fills `chunk`; false at the end.
  virtual Result<bool> Next(Table& chunk) = 0;
};

// An error of DuckDB's own comes as kInternal with its words; Engine gives it its code.
class Driver {
 public:
  virtual ~Driver() = default;
  virtual Status Execute(const std::string& sql) = 0;
  virtual Result<StatementKind> Classify(const std::string& text) = 0;
  virtual Result<std::vector<ColumnInfo>> Describe(const Query& query) = 0;
  virtual Result<std::unique_ptr<Cursor>> Open(const Query& query) = 0;
  virtual Result<std::unique_ptr<RowSet>> Fetch(const Query& query,
                                                std::span<const uint8_t> wanted) = 0;
  // Runs a statement that answers with a count of rows (COPY).
  virtual Result<int64_t> Count(const Query& query) = 0;
  // Offers the columns as the table function `tatara_output()` while `copy` runs.
  virtual Result<int64_t> Write(std::span<const OutputColumn> columns, const std::string& copy) = 0;
  virtual Status CreateTable(const std::string& name, const Table& table) = 0;
  virtual void Interrupt() = 0;
  virtual std::optional<double> Progress() = 0;
};

struct DriverSetting {
  std::string name;
  std::string value;
};

// The one exported function: opens a database in memory with `settings`. The answer is the caller's
// to delete (a pointer, since C cannot return a class).
using OpenDriver = Result<std::unique_ptr<Driver>>*(const std::vector<DriverSetting>& settings);
inline constexpr const char* kOpenDriverName = "tatara_open_duckdb";

}  // namespace tatara::sql
