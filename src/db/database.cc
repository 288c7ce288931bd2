#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>

#include "base/hash.h"
#include "base/log.h"
#include "base/strings.h"
#include "db/db.h"
#include "db/migrate.h"
#include "db/sqlite.h"
#include "os/files.h"
#include "os/random.h"

namespace tatara::db {
namespace {

// How a migration asks for a table that is stored in the order of its key; elsewhere a comment.
constexpr std::string_view kClustered = "/* clustered */";

constexpr size_t kGroupMax = 256;     // writes that share one commit
constexpr size_t kReadersMax = 8;     // read connections kept
constexpr size_t kWaitingMax = 8192;  // writes that may wait before new ones are refused

class ConnectionTx : public Tx {
 public:
  explicit ConnectionTx(Connection& connection) : connection_(connection) {}

 protected:
  Status DoQuery(std::string_view sql, std::span<const Value> params, const RowFn& fn) override {
    TRY(connection_.Run(sql, params, &fn));
    return {};
  }
  Result<int64_t> DoExec(std::string_view sql, std::span<const Value> params) override {
    return connection_.Run(sql, params, nullptr);
  }

 private:
  Connection& connection_;
};

// A write that waits for its turn, on its caller's stack.
struct PendingWrite {
  const std::function<Status(Tx&)>& fn;
  Status status;
  bool applied = false;  // its changes are in the open transaction
  bool done = false;
  std::condition_variable wake;  // it is done, or the first of the queue
};

template <class Fn>
Status Guarded(Fn&& fn) {
  try {
    return fn();
  } catch (const std::exception& error) {
    return Internal(std::string("exception in a transaction: ") + error.what());
  }
}

class SqliteDatabase : public Database {
 public:
  SqliteDatabase(std::string path, bool writable) : path_(std::move(path)), writable_(writable) {}

  ~SqliteDatabase() override {
    idle_readers_.clear();
    writer_.reset();
    if (!test_folder_.empty()) (void)os::RemoveTree(test_folder_);
  }

  Status Start() {
    if (!writable_ && !os::Exists(path_)) return NotFound("no database at " + path_);
    writer_ = TRY(Connection::Open(path_, writable_));
    return Migrate();
  }

  void RemoveAtEnd(std::string folder) { test_folder_ = std::move(folder); }

 protected:
  Status DoWrite(const std::function<Status(Tx&)>& fn) override {
    if (!writable_) return Denied("this home is open for reading only");
    PendingWrite write{.fn = fn};
    std::unique_lock lock(mutex_);
    if (waiting_.size() >= kWaitingMax) return Exhausted("too many writes wait for the database");
    waiting_.push_back(&write);
    write.wake.wait(lock, [&] { return write.done || waiting_.front() == &write; });
    if (!write.done) Lead(lock);
    return write.status;
  }

  Status DoRead(const std::function<Status(Reader&)>& fn) override {
    std::unique_ptr<Connection> connection = TRY(TakeReader());
    TRY(connection->Command("BEGIN"));
    ConnectionTx reader(*connection);
    Status status = Guarded([&] { return fn(reader); });
    (void)connection->Command("COMMIT");
    GiveBackReader(std::move(connection));
    return status;
  }

 private:
  Status Migrate() {
    ConnectionTx tx(*writer_);
    if (writable_) {
      TRY(
          writer_->Script("CREATE TABLE IF NOT EXISTS schema_steps (number BIGINT PRIMARY KEY, "
                          "name TEXT NOT NULL, checksum TEXT NOT NULL)"));
    }
    const auto applied = TRY(tx.All(
        "SELECT number, name, checksum FROM schema_steps ORDER BY number", {}, [](const Row& row) {
          return AppliedMigration{static_cast<int>(row.Int(0)), row.Text(1), row.Text(2)};
        }));
    const auto pending = TRY(PendingMigrations(applied, EmbeddedMigrations()));
    if (!pending.empty() && !writable_) {
      return Conflict(
          "the database is from an older tatara: start `tatara up` once to bring it "
          "up to date");
    }
    for (const Migration& migration : pending) {
      const Status status = RunAlone([&](Tx& step) -> Status {
        TRY(writer_->Script(ReplaceAll(migration.sql, kClustered, "WITHOUT ROWID")));
        TRY(step.Exec("INSERT INTO schema_steps (number, name, checksum) VALUES (?, ?, ?)",
                      {migration.number, migration.name, Sha256(migration.sql)}));
        return {};
      });
      if (!status) {
        return std::unexpected(Prefixed("schema step " + migration.name, status.error()));
      }
    }
    return {};
  }

  Result<std::unique_ptr<Connection>> TakeReader() {
    {
      std::lock_guard lock(mutex_);
      if (!idle_readers_.empty()) {
        auto connection = std::move(idle_readers_.back());
        idle_readers_.pop_back();
        return connection;
      }
    }
    return Connection::Open(path_, false);
  }

  void GiveBackReader(std::unique_ptr<Connection> connection) {
    std::lock_guard lock(mutex_);
    if (idle_readers_.size() < kReadersMax) idle_readers_.push_back(std::move(connection));
  }

  // The first of the queue writes for itself and for those behind it, on its own thread: a write
  // that comes alone costs no change of threads. Who comes meanwhile is the next group.
  void Lead(std::unique_lock<std::mutex>& lock) {
    const auto count = static_cast<std::ptrdiff_t>(std::min(waiting_.size(), kGroupMax));
    const std::vector<PendingWrite*> group(waiting_.begin(), waiting_.begin() + count);
    lock.unlock();
    if (group.size() == 1) {
      group[0]->status = RunAlone(group[0]->fn);
    } else {
      RunGroup(group);
    }
    lock.lock();
    waiting_.erase(waiting_.begin(), waiting_.begin() + count);
    // Under the lock, since a write that is done is gone as soon as its caller sees it.
    for (PendingWrite* write : group) {
      write->done = true;
      write->wake.notify_one();
    }
    if (!waiting_.empty()) waiting_.front()->wake.notify_one();
  }

  Status RunAlone(const std::function<Status(Tx&)>& fn) {
    TRY(writer_->Command("BEGIN IMMEDIATE"));
    ConnectionTx tx(*writer_);
    Status status = Guarded([&] { return fn(tx); });
    if (status) status = writer_->Command("COMMIT");
    if (!status && writer_->InTransaction()) (void)writer_->Command("ROLLBACK");
    return status;
  }

  // Each write under its own savepoint, then one commit for all.
  void RunGroup(const std::vector<PendingWrite*>& group) {
    ConnectionTx tx(*writer_);
    if (Status begun = writer_->Command("BEGIN IMMEDIATE"); !begun) {
      for (PendingWrite* write : group) write->status = begun;
      return;
    }
    for (PendingWrite* write : group) {
      write->status = RunOne(*write, tx);
      // A full disk may have ended the whole transaction under us: what was applied is gone.
      if (!writer_->InTransaction()) {
        const Error lost = write->status ? Error{Code::kInternal, "the transaction was lost"}
                                         : write->status.error();
        FailApplied(group, lost);
        if (Status begun = writer_->Command("BEGIN IMMEDIATE"); !begun) {
          for (PendingWrite* rest : group) {
            if (!rest->applied && rest->status) rest->status = begun;
          }
          return;
        }
      }
    }
    Status committed = writer_->Command("COMMIT");
    if (committed) return;
    if (writer_->InTransaction()) (void)writer_->Command("ROLLBACK");
    FailApplied(group, committed.error());
  }

  Status RunOne(PendingWrite& write, Tx& tx) {
    TRY(writer_->Command("SAVEPOINT one"));
    Status status = Guarded([&] { return write.fn(tx); });
    if (!writer_->InTransaction()) return status;
    if (!status) (void)writer_->Command("ROLLBACK TO one");
    Status released = writer_->Command("RELEASE one");
    if (status && !released) return released;
    write.applied = status.has_value();
    return status;
  }

  static void FailApplied(const std::vector<PendingWrite*>& group, const Error& error) {
    for (PendingWrite* write : group) {
      if (!write->applied) continue;
      write->applied = false;
      write->status = std::unexpected(error);
    }
  }

  const std::string path_;
  const bool writable_;
  std::string test_folder_;
  std::unique_ptr<Connection> writer_;
  std::mutex mutex_;
  std::deque<PendingWrite*> waiting_;  // the first one is writing, or about to
  std::vector<std::unique_ptr<Connection>> idle_readers_;
};

}  // namespace

Result<int64_t> Reader::Count(std::string_view sql, Params params) {
  auto count = TRY(One(sql, params, [](const Row& row) { return row.Int(0); }));
  return count.value_or(0);
}

Result<std::unique_ptr<Database>> Database::Open(const std::string& path, OpenMode mode) {
  auto database = std::make_unique<SqliteDatabase>(path, mode == OpenMode::kOwner);
  TRY(database->Start());
  return std::unique_ptr<Database>(std::move(database));
}

std::unique_ptr<Database> Database::OpenForTest() {
  const std::string folder = "/tmp/tatara-test-" + std::to_string(os::RandomU64());
  CHECK(os::MakeFolders(folder).has_value());
  auto database = std::make_unique<SqliteDatabase>(folder + "/tatara.db", true);
  Status started = database->Start();
  if (!started) Log::Error("db", started.error().message);
  CHECK(started.has_value());
  database->RemoveAtEnd(folder);
  return database;
}

}  // namespace tatara::db
