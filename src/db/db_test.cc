#include "db/db.h"

#include <gtest/gtest.h>

#include <atomic>

#include "db/migrate.h"
#include "os/files.h"
#include "os/random.h"
#include "os/threads.h"

namespace tatara::db {
namespace {

class DbTest : public testing::Test {
 protected:
  DbTest() {
    const Status made = database_->Write([](Tx& tx) -> Status {
      TRY(tx.Exec("CREATE TABLE t (k TEXT PRIMARY KEY, v BIGINT)", {}));
      return {};
    });
    CHECK(made.has_value());
  }
  Status Put(const std::string& key, int64_t value) {
    return database_->Write([&](Tx& tx) -> Status {
      TRY(tx.Exec("INSERT INTO t (k, v) VALUES (?, ?)", {key, value}));
      return {};
    });
  }
  int64_t Count() {
    return database_->Read([](Reader& r) { return r.Count("SELECT COUNT(*) FROM t", {}); })
        .value_or(-1);
  }
  std::unique_ptr<Database> database_ = Database::OpenForTest();
};

TEST_F(DbTest, Write_ThatFails_LeavesNothing) {
  const Status status = database_->Write([](Tx& tx) -> Status {
    TRY(tx.Exec("INSERT INTO t (k, v) VALUES ('a', 1)", {}));
    return Invalid("changed my mind");
  });
  EXPECT_EQ(status.error().message, "changed my mind");
  EXPECT_EQ(Count(), 0);
}

TEST_F(DbTest, Write_ThatThrows_IsAnErrorAndLeavesNothing) {
  const Status status = database_->Write([](Tx& tx) -> Status {
    TRY(tx.Exec("INSERT INTO t (k, v) VALUES ('a', 1)", {}));
    throw std::runtime_error("oops");
  });
  EXPECT_EQ(status.error().code, Code::kInternal);
  EXPECT_EQ(Count(), 0);
}

TEST_F(DbTest, Conflict_OfOne_LeavesTheOthersOfItsGroup) {
  ASSERT_TRUE(Put("a", 1));
  std::atomic<int> conflicts = 0, done = 0;
  {
    std::vector<os::Thread> threads;
    for (int i = 0; i < 8; ++i) {
      threads.emplace_back("put", [&, i] {
        for (int k = 0; k < 25; ++k) {
          const std::string key = k % 5 == 0 ? "a" : std::to_string(i) + "-" + std::to_string(k);
          const Status status = Put(key, k);
          if (status)
            ++done;
          else if (status.error().code == Code::kConflict)
            ++conflicts;
        }
      });
    }
  }
  EXPECT_EQ(conflicts, 8 * 5);
  EXPECT_EQ(done, 8 * 20);
  EXPECT_EQ(Count(), 8 * 20 + 1);
}

TEST_F(DbTest, FullDisk_FailsTheWrites_AndKeepsWhatWasAcknowledged) {
  const auto limit_pages = [&](const std::string& pages) {
    return database_->Write([&](Tx& tx) -> Status {
      return tx.Query("PRAGMA max_page_count = " + pages, {}, [](const Row&) {});
    });
  };
  const auto pages = database_->Write([](Tx& tx) { return tx.Count("PRAGMA page_count", {}); });
  ASSERT_TRUE(limit_pages(std::to_string(*pages + 20)));
  const std::string long_text(3000, 'x');
  std::atomic<int> done = 0, exhausted = 0;
  {
    std::vector<os::Thread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back("put", [&, i] {
        for (int k = 0; k < 25; ++k) {
          const Status status = Put(long_text + std::to_string(i * 25 + k), k);
          if (status)
            ++done;
          else if (status.error().code == Code::kExhausted)
            ++exhausted;
        }
      });
    }
  }
  EXPECT_GT(done, 0);
  EXPECT_EQ(done + exhausted, 4 * 25);
  EXPECT_EQ(Count(), done);
  EXPECT_EQ(Put(long_text, 1).error().code, Code::kExhausted);
  ASSERT_TRUE(limit_pages("1000000"));
  EXPECT_TRUE(Put(long_text, 1));
  EXPECT_EQ(Count(), done + 1);
}

TEST_F(DbTest, Read_CannotWrite) {
  const auto status = database_->Read([](Reader& reader) -> Status {
    return reader.Query("INSERT INTO t (k, v) VALUES ('x', 1)", {}, [](const Row&) {});
  });
  EXPECT_FALSE(status);
  EXPECT_EQ(Count(), 0);
}

TEST_F(DbTest, Query_InsideAQuery_HasAStatementOfItsOwn) {
  ASSERT_TRUE(Put("a", 1));
  ASSERT_TRUE(Put("b", 2));
  int64_t sum = 0;
  const auto status = database_->Read([&](Reader& reader) -> Status {
    return reader.Query("SELECT v FROM t ORDER BY k", {}, [&](const Row&) {
      (void)reader.Query("SELECT v FROM t ORDER BY k", {},
                         [&](const Row& inner) { sum += inner.Int(0); });
    });
  });
  EXPECT_TRUE(status);
  EXPECT_EQ(sum, 6);
}

TEST_F(DbTest, Values_ComeBackAsTheyWent) {
  const Time time = FromMicros(-5);
  const auto row = database_->Write([&](Tx& tx) {
    return tx.One("SELECT ?, ?, ?, ?, ?, ?", {"", 1.5, time, true, nullptr, std::optional<int>()},
                  [](const Row& r) {
                    return std::tuple(r.Text(0), r.Double(1), r.At(2), r.Bool(3), r.IsNull(4),
                                      r.IsNull(5), r.IsNull(0));
                  });
  });
  ASSERT_TRUE(row && *row);
  EXPECT_EQ(**row, std::tuple(std::string(), 1.5, time, true, true, true, false));
}

TEST(Migrate, Pending_RefusesNewerAndChanged) {
  const std::vector<Migration> known = {{1, "0001_a", "A"}, {2, "0002_b", "B"}};
  const auto pending = PendingMigrations({}, known);
  ASSERT_TRUE(pending);
  EXPECT_EQ(pending->size(), 2u);
  EXPECT_EQ(PendingMigrations({{1, "0001_a", "other"}}, known).error().code, Code::kConflict);
  EXPECT_EQ(PendingMigrations({{3, "0003_c", "x"}}, known).error().code, Code::kConflict);
}

TEST(Database, Open_OfANewerOne_IsRefusedUntouched) {
  const std::string folder = "/tmp/tatara-test-" + os::NewId(FromMicros(0));
  ASSERT_TRUE(os::MakeFolders(folder));
  {
    auto database = Database::Open(folder + "/tatara.db");
    ASSERT_TRUE(database);
    ASSERT_TRUE((*database)->Write([](Tx& tx) -> Status {
      TRY(tx.Exec("INSERT INTO schema_steps VALUES (9999, '9999_future', 'x')", {}));
      return {};
    }));
  }
  const auto again = Database::Open(folder + "/tatara.db");
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, Code::kConflict);
  EXPECT_NE(again.error().message.find("9999_future"), std::string::npos);
  (void)os::RemoveTree(folder);
}

}  // namespace
}  // namespace tatara::db
