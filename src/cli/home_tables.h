// What a home adds to `tatara sql`: the tables runs, metrics, events, and capture_E for each
// endpoint, for those names that the query mentions. Without a home there are none.
#pragma once

#include "cli/command.h"
#include "sql/sql.h"

namespace tatara::cli {

// Files that the tables read; they go with it, so it must outlive the query.
struct HomeTables {
  HomeTables() = default;
  ~HomeTables();
  HomeTables(const HomeTables&) = delete;
  std::string folder;
};

Status AddHomeTables(const Globals& globals, HomeTables& tables, sql::SqlCommand& command);

}  // namespace tatara::cli
