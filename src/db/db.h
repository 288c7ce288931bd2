// The door of db: one database per home, written in transactions that share their fsync.
//
// Promises
//  1. Write(fn) returns after the commit that holds fn's changes is on the disk (fsync), or with
//     an error and none of them. Concurrent writes share one commit (group commit); each of
//     several runs under its own savepoint, so that one's failure leaves the others whole.
//  2. Read(fn) sees one consistent snapshot and never waits for writers.
//  3. The SQL is the subset that SQLite 3.40 and PostgreSQL 15 both take: TEXT, BIGINT, DOUBLE
//     PRECISION, BLOB as text of ours, ON CONFLICT, RETURNING, partial indexes; `?` placeholders.
//     A migration's `) /* clustered */;` makes SQLite store the table in the order of its key.
//  4. A full disk makes Write fail with kExhausted; reads go on; nothing is corrupted.
// Threads: any thread may call Write and Read. Writes run one after the other, in the order of
// their calls, each on its caller's thread or on that of the first of its group; reads on their
// caller's. fn must not call Write or Read again, nor block on anything else.
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

#include "base/id.h"
#include "base/result.h"
#include "base/time.h"

namespace tatara::db {

// A bound parameter. Time is stored as microseconds, bool as 0/1, an empty optional as NULL.
class Value {
 public:
  Value(std::nullptr_t) {}
  Value(int value) : value_(int64_t{value}) {}
  Value(int64_t value) : value_(value) {}
  Value(size_t value) : value_(static_cast<int64_t>(value)) {}
  Value(bool value) : value_(int64_t{value}) {}
  Value(double value) : value_(value) {}
  Value(const char* value) : value_(std::string_view(value)) {}
  Value(std::string_view value) : value_(value) {}
  Value(const std::string& value) : value_(std::string_view(value)) {}
  Value(Time value) : value_(ToMicros(value)) {}
  template <class Tag>
  Value(const Id<Tag>& id) : value_(std::string_view(id.value)) {}
  template <class T>
  Value(const std::optional<T>& value) {
    if (value) value_ = Value(*value).value_;
  }
  const auto& get() const { return value_; }

 private:
  // Text is borrowed: it must live until the call returns.
  std::variant<std::monostate, int64_t, double, std::string_view> value_;
};

// One row of a result, valid until the next one is fetched. Columns count from 0.
class Row {
 public:
  virtual ~Row() = default;
  virtual bool IsNull(int column) const = 0;
  virtual int64_t Int(int column) const = 0;
  virtual double Double(int column) const = 0;
  virtual std::string Text(int column) const = 0;
  virtual std::string_view View(int column) const = 0;  // until the next row
  bool Bool(int column) const { return Int(column) != 0; }
  Time At(int column) const { return FromMicros(Int(column)); }
  std::optional<Time> AtOrNone(int column) const {
    return IsNull(column) ? std::nullopt : std::optional(At(column));
  }
  std::optional<int64_t> IntOrNone(int column) const {
    return IsNull(column) ? std::nullopt : std::optional(Int(column));
  }
  std::optional<double> DoubleOrNone(int column) const {
    return IsNull(column) ? std::nullopt : std::optional(Double(column));
  }
};

using Params = std::initializer_list<Value>;
using RowFn = std::function<void(const Row&)>;

// The read half of a transaction.
class Reader {
 public:
  virtual ~Reader() = default;
  // Runs a query and calls fn for each row.
  Status Query(std::string_view sql, Params params, const RowFn& fn) {
    return DoQuery(sql, std::span(params.begin(), params.size()), fn);
  }
  // For parameter lists that are built at run time.
  Status QueryWith(std::string_view sql, std::span<const Value> params, const RowFn& fn) {
    return DoQuery(sql, params, fn);
  }
  // All rows through a function: auto names = TRY(tx.All("...", {}, [](auto& r) { return r.Text(0);
  // }));
  template <class Fn>
  auto All(std::string_view sql, Params params, Fn&& fn)
      -> Result<std::vector<std::invoke_result_t<Fn, const Row&>>> {
    std::vector<std::invoke_result_t<Fn, const Row&>> out;
    TRY(Query(sql, params, [&](const Row& row) { out.push_back(fn(row)); }));
    return out;
  }
  // The first row through a function, or nothing.
  template <class Fn>
  auto One(std::string_view sql, Params params, Fn&& fn)
      -> Result<std::optional<std::invoke_result_t<Fn, const Row&>>> {
    std::optional<std::invoke_result_t<Fn, const Row&>> out;
    TRY(Query(sql, params, [&](const Row& row) {
      if (!out) out = fn(row);
    }));
    return out;
  }
  // The first column of the first row as an integer; 0 when there is none or it is NULL.
  Result<int64_t> Count(std::string_view sql, Params params);

 protected:
  virtual Status DoQuery(std::string_view sql, std::span<const Value> params, const RowFn& fn) = 0;
};

// A read-write transaction.
class Tx : public Reader {
 public:
  // Runs a statement; the number of rows that it changed. A broken UNIQUE, FOREIGN KEY or CHECK
  // is kConflict.
  Result<int64_t> Exec(std::string_view sql, Params params) {
    return DoExec(sql, std::span(params.begin(), params.size()));
  }
  Result<int64_t> ExecWith(std::string_view sql, std::span<const Value> params) {
    return DoExec(sql, params);
  }

 protected:
  virtual Result<int64_t> DoExec(std::string_view sql, std::span<const Value> params) = 0;
};

enum class OpenMode {
  kOwner,     // reads and writes; migrates an older schema
  kReadOnly,  // reads; writes are refused; an older or newer schema is refused
};

class Database {
 public:
  virtual ~Database() = default;
  // SQLite at `path` (WAL, synchronous=FULL). A database from a newer version is kConflict and
  // says which version it needs.
  static Result<std::unique_ptr<Database>> Open(const std::string& path,
                                                OpenMode mode = OpenMode::kOwner);
  // A fresh migrated database in a temporary folder that goes with it, for tests.
  static std::unique_ptr<Database> OpenForTest();

  // fn: Tx& -> Result<T>. Returns its result once durable. An error of fn undoes its changes.
  template <class Fn>
  auto Write(Fn&& fn) -> std::invoke_result_t<Fn, Tx&> {
    using R = std::invoke_result_t<Fn, Tx&>;
    std::optional<R> result;
    Status status = DoWrite([&](Tx& tx) -> Status {
      result = fn(tx);
      if (!*result) return std::unexpected(result->error());
      return {};
    });
    if (!status) return std::unexpected(status.error());
    return *std::move(result);
  }
  // fn: Reader& -> Result<T>.
  template <class Fn>
  auto Read(Fn&& fn) -> std::invoke_result_t<Fn, Reader&> {
    using R = std::invoke_result_t<Fn, Reader&>;
    std::optional<R> result;
    Status status = DoRead([&](Reader& reader) -> Status {
      result = fn(reader);
      return {};
    });
    if (!status) return std::unexpected(status.error());
    return *std::move(result);
  }

 protected:
  virtual Status DoWrite(const std::function<Status(Tx&)>& fn) = 0;
  virtual Status DoRead(const std::function<Status(Reader&)>& fn) = 0;
};

}  // namespace tatara::db
