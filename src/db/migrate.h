// Migrations: numbered SQL files of schema/, forward only, embedded in the binary. Each runs in a
// transaction of its own and is recorded with its checksum; a database that has one we do not
// know is from a newer version and is refused.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace tatara::db {

struct Migration {
  int number = 0;
  std::string name;  // "0002_tracking"
  std::string sql;
};

// All of schema/*.sql in order (generated at build time).
const std::vector<Migration>& EmbeddedMigrations();

struct AppliedMigration {
  int number = 0;
  std::string name;
  std::string checksum;
};

// What is still to run, in order. kConflict: the database is newer than this binary, or a
// migration that ran is not the one we have.
Result<std::vector<Migration>> PendingMigrations(const std::vector<AppliedMigration>& applied,
                                                 const std::vector<Migration>& known);

}  // namespace tatara::db
