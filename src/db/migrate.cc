#include "db/migrate.h"

#include "base/hash.h"

namespace tatara::db {

Result<std::vector<Migration>> PendingMigrations(const std::vector<AppliedMigration>& applied,
                                                 const std::vector<Migration>& known) {
  std::vector<Migration> pending;
  size_t next = 0;
  for (const Migration& migration : known) {
    if (next < applied.size() && applied[next].number == migration.number) {
      if (applied[next].checksum != Sha256(migration.sql)) {
        return Conflict("the database's schema step " + applied[next].name +
                        " is not the one of this tatara: it was made by another version");
      }
      ++next;
      continue;
    }
    pending.push_back(migration);
  }
  if (next < applied.size()) {
    return Conflict("the database is newer than this tatara (it has schema step " +
                    applied.back().name + "): use the newer tatara, nothing was changed");
  }
  return pending;
}

}  // namespace tatara::db
