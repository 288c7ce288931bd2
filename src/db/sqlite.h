// SQLite behind the door of db: a connection with its cache of prepared statements. Private to db/.
#pragma once

#include <sqlite3.h>

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "db/db.h"

namespace tatara::db {

// The error for a result code of SQLite; `what` is what was tried.
Error SqliteError(sqlite3* handle, int code, std::string_view what);

// One connection; one thread at a time.
class Connection {
 public:
  static Result<std::unique_ptr<Connection>> Open(const std::string& path, bool writable);
  ~Connection();

  Result<int64_t> Run(std::string_view sql, std::span<const Value> params, const RowFn* fn);
  // A statement without parameters or result that is run again and again (BEGIN, COMMIT).
  Status Command(std::string_view sql);
  // Several statements without parameters (a migration).
  Status Script(const std::string& sql);
  // True while a transaction is open; SQLite ends one by itself after some errors (full disk).
  bool InTransaction() const { return sqlite3_get_autocommit(handle_) == 0; }

 private:
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
  };
  using Statement = std::unique_ptr<sqlite3_stmt, Finalize>;
  struct TextHash {
    using is_transparent = void;
    size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };

  Result<Statement> Prepare(std::string_view sql);
  Result<Statement> Take(std::string_view sql);
  void GiveBack(std::string_view sql, Statement statement);

  sqlite3* handle_ = nullptr;
  // By their text; null while the statement runs.
  std::unordered_map<std::string, Statement, TextHash, std::equal_to<>> statements_;
};

}  // namespace tatara::db
