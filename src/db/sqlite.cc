#include "db/sqlite.h"

#include <cerrno>

namespace tatara::db {
namespace {

constexpr size_t kStatementsMax = 400;

class SqliteRow : public Row {
 public:
  explicit SqliteRow(sqlite3_stmt* statement) : statement_(statement) {}
  bool IsNull(int column) const override {
    return sqlite3_column_type(statement_, column) == SQLITE_NULL;
  }
  int64_t Int(int column) const override { return sqlite3_column_int64(statement_, column); }
  double Double(int column) const override { return sqlite3_column_double(statement_, column); }
  std::string_view View(int column) const override {
    const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
    if (text == nullptr) return {};
    return {text, static_cast<size_t>(sqlite3_column_bytes(statement_, column))};
  }
  std::string Text(int column) const override { return std::string(View(column)); }

 private:
  sqlite3_stmt* statement_;
};

int Bind(sqlite3_stmt* statement, int index, const Value& value) {
  return std::visit(
      [&]<class T>(const T& v) {
        if constexpr (std::is_same_v<T, std::monostate>) {
          return sqlite3_bind_null(statement, index);
        } else if constexpr (std::is_same_v<T, int64_t>) {
          return sqlite3_bind_int64(statement, index, v);
        } else if constexpr (std::is_same_v<T, double>) {
          return sqlite3_bind_double(statement, index, v);
        } else {
          // An empty view may have no data pointer, which SQLite would read as NULL.
          return sqlite3_bind_text64(statement, index, v.empty() ? "" : v.data(), v.size(),
                                     SQLITE_STATIC, SQLITE_UTF8);
        }
      },
      value.get());
}

}  // namespace

Error SqliteError(sqlite3* handle, int code, std::string_view what) {
  std::string message = "database: " + std::string(what) + ": " +
                        (handle != nullptr ? sqlite3_errmsg(handle) : sqlite3_errstr(code));
  switch (code & 0xff) {
    case SQLITE_CONSTRAINT:
      return {Code::kConflict, message};
    case SQLITE_FULL:
      return {Code::kExhausted, message + " (free some space; reads go on)"};
    case SQLITE_IOERR:
      if (handle != nullptr && sqlite3_system_errno(handle) == ENOSPC) {
        return {Code::kExhausted, "database: the disk is full"};
      }
      return {Code::kInternal, message};
    case SQLITE_READONLY:
    case SQLITE_PERM:
      return {Code::kDenied, message};
    case SQLITE_BUSY:
      return {Code::kUnavailable, message};
    case SQLITE_CANTOPEN:
      return {Code::kNotFound, message};
    case SQLITE_NOTADB:
      return {Code::kInvalid, message};
    case SQLITE_INTERRUPT:
      return {Code::kCancelled, message};
    default:
      return {Code::kInternal, message};
  }
}

Result<std::unique_ptr<Connection>> Connection::Open(const std::string& path, bool writable) {
  // Must come before the first use; nobody asks for the statistics, and each allocation would lock.
  static const int kNoStatistics = sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
  (void)kNoStatistics;
  auto connection = std::unique_ptr<Connection>(new Connection());
  const int flags =
      SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | (writable ? SQLITE_OPEN_CREATE : 0);
  if (int code = sqlite3_open_v2(path.c_str(), &connection->handle_, flags, nullptr)) {
    return std::unexpected(SqliteError(connection->handle_, code, "open " + path));
  }
  sqlite3_busy_timeout(connection->handle_, 10'000);
  const Status set =
      connection->Script(writable ? "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; "
                                    "PRAGMA foreign_keys=ON; PRAGMA wal_autocheckpoint=4000; "
                                    "PRAGMA cache_size=-8000; PRAGMA temp_store=MEMORY; "
                                    "PRAGMA case_sensitive_like=ON"
                                  : "PRAGMA query_only=ON; PRAGMA cache_size=-4000; "
                                    "PRAGMA temp_store=MEMORY; PRAGMA case_sensitive_like=ON");
  if (!set) return std::unexpected(Prefixed(path, set.error()));
  return connection;
}

Connection::~Connection() {
  statements_.clear();
  sqlite3_close(handle_);
}

Status Connection::Script(const std::string& sql) {
  if (int code = sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, nullptr)) {
    return std::unexpected(SqliteError(handle_, code, sql.substr(0, 60)));
  }
  return {};
}

Status Connection::Command(std::string_view sql) {
  TRY(Run(sql, {}, nullptr));
  return {};
}

Result<Connection::Statement> Connection::Prepare(std::string_view sql) {
  sqlite3_stmt* raw = nullptr;
  const int code = sqlite3_prepare_v3(handle_, sql.data(), static_cast<int>(sql.size()),
                                      SQLITE_PREPARE_PERSISTENT, &raw, nullptr);
  if (code != SQLITE_OK) return std::unexpected(SqliteError(handle_, code, sql));
  return Statement(raw);
}

// A statement is taken out of the cache while it runs, so that a query inside a query's callback
// gets one of its own.
Result<Connection::Statement> Connection::Take(std::string_view sql) {
  const auto found = statements_.find(sql);
  if (found == statements_.end() || found->second == nullptr) return Prepare(sql);
  return std::move(found->second);
}

void Connection::GiveBack(std::string_view sql, Statement statement) {
  // Its bindings stay and point at what is gone: each run binds all of them anew.
  sqlite3_reset(statement.get());
  const auto found = statements_.find(sql);
  if (found != statements_.end()) {
    found->second = std::move(statement);
    return;
  }
  if (statements_.size() >= kStatementsMax) statements_.clear();
  statements_.emplace(sql, std::move(statement));
}

Result<int64_t> Connection::Run(std::string_view sql, std::span<const Value> params,
                                const RowFn* fn) {
  Statement statement = TRY(Take(sql));
  CHECK(static_cast<size_t>(sqlite3_bind_parameter_count(statement.get())) == params.size());
  for (size_t i = 0; i < params.size(); ++i) {
    if (int code = Bind(statement.get(), static_cast<int>(i) + 1, params[i])) {
      return std::unexpected(SqliteError(handle_, code, sql));
    }
  }
  const SqliteRow row(statement.get());
  int code;
  while ((code = sqlite3_step(statement.get())) == SQLITE_ROW) {
    if (fn != nullptr) (*fn)(row);
  }
  if (code != SQLITE_DONE) return std::unexpected(SqliteError(handle_, code, sql));
  const int64_t changed = sqlite3_changes64(handle_);
  GiveBack(sql, std::move(statement));
  return changed;
}

}  // namespace tatara::db
