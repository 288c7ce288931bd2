// What a home adds to `tatara sql`: the tables runs, metrics, events, and capture_E for each
// endpoint, for those names that the query mentions and no source of the project has; and all their
// names for the hint at a wrong one. Without a home there are none.
#pragma once

#include "cli/command.h"
#include "sql/sql.h"

namespace tatara::cli {

Status AddHomeTables(const Globals& globals, sql::SqlCommand& command);

}  // namespace tatara::cli
