// Settles ties of the join by the values of the rows: the view's columns from left to right, the
// greatest wins. Null is smallest; -Inf < ... < -0.0 < 0.0 < ... < +Inf < NaN; false < true; text
// by its bytes.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "features/join.h"
#include "sql/sql.h"

namespace tatara::features {

// Below 0, 0 or above 0, as strcmp.
int CompareValues(const sql::Column& a, size_t row_a, const sql::Column& b, size_t row_b);

// Fed with the source's rows in order, piece by piece; keeps one row for each tied slot.
class TieBreaker {
 public:
  // `ties` by ascending row.
  explicit TieBreaker(std::vector<PointInTimeJoin::Tie> ties) : ties_(std::move(ties)) {}
  void Take(const sql::Table& chunk);
  // The best row of each slot, after the last chunk.
  void Settle(PointInTimeJoin& join) const;

 private:
  struct Best {
    size_t place;  // its row in kept_
    int64_t row;
  };
  void Consider(const sql::Table& chunk, size_t at, const PointInTimeJoin::Tie& tie);

  std::vector<PointInTimeJoin::Tie> ties_;
  size_t next_ = 0;
  int64_t seen_ = 0;
  sql::Table kept_;
  std::unordered_map<uint32_t, Best> best_;  // by slot
};

}  // namespace tatara::features
