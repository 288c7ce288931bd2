// Times of any column type as integers of one unit, so that they compare exactly.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "sql/sql.h"

namespace tatara::features {

enum class TimeUnit { kMicros, kNanos };

// The finest unit that a column may hold; text (of a CSV file) may hold nanoseconds. kInvalid for
// a column that holds no times; `what` names it in the message.
Result<TimeUnit> UnitOf(const sql::ColumnInfo& column, bool is_csv, const std::string& what);

// The column's times in `unit`, UTC; null is kNoTime. A date is its midnight. What lies outside the
// range of the unit is put at its end. kInvalid for a text that is no ISO 8601 time.
Status ReadTimes(const sql::Column& column, TimeUnit unit, const std::string& what,
                 std::vector<int64_t>& times);

}  // namespace tatara::features
