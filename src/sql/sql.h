// The door of sql: the embedded SQL engine over Parquet and CSV files, DuckDB inside.
//
// libduckdb.so is loaded when the first Engine opens, not before: a command that asks no query pays
// nothing, and a missing library fails one feature (kUnavailable, naming the file) and not the
// platform.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "sql/column.h"
#include "sql/command.h"

namespace tatara::sql {

class Driver;  // what the loaded module implements (sql/driver.h)
class RowSet;  // below

struct Date {
  int32_t days = 0;  // since 1970
};
using Value = std::variant<std::monostate, bool, int64_t, double, std::string, Time, Date>;

struct Parameter {
  std::string name;  // `$name` in the query; "1" for the first `?`
  Value value;
};

struct EngineOptions {
  int threads = 0;               // 0: one for each core
  int64_t memory_bytes = 0;      // 0: no limit of our own; else what needs more is kExhausted
  std::string temporary_folder;  // where large queries may spill; empty: nowhere
  // With `sandbox` only these are read or written, and no setting can be changed by a query.
  bool sandbox = false;
  std::vector<std::string> folders;
  std::vector<std::string> files;
  std::vector<std::string> outputs;  // what Write may make
  // Reads remote paths, too (AllowRemote). In a sandbox only those below the URLs in `folders`.
  bool remote = false;
};

struct Limits {
  int64_t rows_max = 0;  // 0: none
  Duration timeout{0};   // 0: none
};

struct Query {
  std::string text;
  std::vector<Parameter> parameters;
  Limits limits;
};

// A column of a written file: column `column` of `rows`, at the row numbers of `pick` (-1: null);
// an empty pick takes the rows as they are. All columns of a file have one length.
struct OutputColumn {
  std::string name;
  const RowSet* rows = nullptr;
  size_t column = 0;
  std::span<const int64_t> pick;
};

// One database in memory with one connection.
//
// Threads: one at a time, but Interrupt and Progress may be called from any.
// Errors: a bad query is kInvalid with "line L, column C: "; a file that is not there kNotFound;
// one outside the sandbox kDenied; a limit kExhausted, naming it; Interrupt kCancelled.
// The session's time zone is UTC. Rows come in the order of the query, and for plain scans in the
// order of the files.
class Engine {
 public:
  static Result<std::unique_ptr<Engine>> Open(const EngineOptions& options = {});
  ~Engine();

  // From now on s3:// and https:// are read, through httpfs, with the environment's credentials.
  Status AllowRemote();
  // Statements of our own, without parameters and results: CREATE VIEW and the like.
  Status Execute(const std::string& sql);
  // The columns that a query would have.
  Result<std::vector<ColumnInfo>> Describe(const Query& query);
  // Nothing if this is one statement that only reads (SELECT, VALUES, WITH, FROM, SHOW, DESCRIBE,
  // SUMMARIZE, EXPLAIN); else kInvalid, kDenied for one that would change something.
  Status CheckReadOnly(const Query& query);

  // Nothing if this parses as one statement, whether or not the names in it exist; else kInvalid.
  Status CheckSyntax(const Query& query);

  // The whole result.
  Result<Table> Read(const Query& query);
  // The result in pieces of about 2,000 rows; the table is reused between calls. An error of
  // `take` ends the query and is returned.
  Status Stream(const Query& query, const std::function<Status(const Table&)>& take);
  // The result in the engine's own form, where every type is kept. With `wanted` only the rows
  // whose mark is 1 are kept; it must have a mark for each row.
  Result<std::unique_ptr<RowSet>> Fetch(const Query& query, std::span<const uint8_t> wanted = {});

  // Writes a query's result to a Parquet (zstd) or CSV file, by the ending of `path`: under a
  // temporary name, fsynced, renamed. What stands there is untouched until then. Rows written.
  Result<int64_t> Write(const Query& query, const std::string& path);
  // The same from columns that were fetched; equal input gives equal bytes.
  Result<int64_t> Write(std::span<const OutputColumn> columns, const std::string& path);

  // A table from columns: kBool, kInt, kDouble, kText, kDate, kTimestamp. Replaces one of its name.
  Status CreateTable(const std::string& name, const Table& table);

  // Ends the running query with kCancelled.
  void Interrupt();
  // 0 .. 1 of the running query; nothing when unknown.
  std::optional<double> Progress();

 private:
  Engine(std::unique_ptr<Driver> driver, int64_t memory_bytes);
  template <class Work>
  auto Run(const Query& query, Work work) -> decltype(work());
  Result<int64_t> WriteThrough(const std::string& path,
                               const std::function<Result<int64_t>(const std::string&)>& copy);

  std::unique_ptr<Driver> driver_;
  int64_t memory_bytes_;
  bool remote_ = false;
};

// Rows that the engine holds. Immutable; any thread may read, while its Engine lives.
class RowSet {
 public:
  virtual ~RowSet() = default;
  virtual size_t rows() const = 0;
  virtual const std::vector<ColumnInfo>& columns() const = 0;
  // A column as values.
  virtual Column Read(size_t column) const = 0;
};

// "name" with its quotes doubled; 'text' likewise: for SQL that is put together.
std::string QuoteName(std::string_view name);
std::string QuoteText(std::string_view text);

// Whether a path is a URL, of s3 or http(s).
bool IsRemote(std::string_view path);
// kNotFound for a file that is not there; what is remote or a pattern shows when it is read.
Status CheckExists(const std::string& path);

enum class FileFormat { kParquet, kCsv };
// By the ending, any case (.parquet, .pq, .csv); kInvalid otherwise.
Result<FileFormat> FormatOf(std::string_view path);
// A file, or several under a pattern with '*', ready to stand after FROM; it may be remote.
//
// The project's rules for CSV: a header, commas, an empty unquoted field is null and a quoted one
// is
// "". A CSV column's type is the first that all its values have of BIGINT (no leading zeros),
// DOUBLE, BOOLEAN (true, false), DATE, TIMESTAMP and TIMESTAMP WITH TIME ZONE (ISO 8601), else
// VARCHAR: it depends on the values and not, as with DuckDB's own guess, on their order.
struct FileScan {
  bool is_csv = false;
  std::vector<ColumnInfo> columns;
  std::string raw;    // the rows as the file has them: of CSV all is text
  std::string typed;  // the rows with their types
  // `typed`, but with other types for some columns (CSV only).
  struct TypedColumn {
    std::string name;
    std::string type;
  };
  std::string TypedAs(const std::vector<TypedColumn>& types) const;
};
Result<FileScan> OpenFile(Engine& engine, const std::string& path);

}  // namespace tatara::sql
