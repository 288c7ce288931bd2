#include "features/ties.h"

#include <bit>
#include <cmath>
#include <cstring>

namespace tatara::features {
namespace {

int Order(int64_t a, int64_t b) { return a < b ? -1 : (a > b ? 1 : 0); }

// Integers in the order of the doubles, with every NaN alike at the end.
int64_t Rank(double value) {
  if (std::isnan(value)) return INT64_MAX;
  const auto bits = std::bit_cast<int64_t>(value);
  return bits >= 0 ? bits : INT64_MIN - bits - 1;
}

// Decimal texts of one scale, compared by value.
int CompareDecimals(std::string_view a, std::string_view b) {
  const bool a_negative = a.starts_with('-'), b_negative = b.starts_with('-');
  if (a_negative != b_negative) return a_negative ? -1 : 1;
  const int longer = Order(static_cast<int64_t>(a.size()), static_cast<int64_t>(b.size()));
  const int larger = longer != 0 ? longer : a.compare(b);
  return a_negative ? -larger : larger;
}

void PutRow(sql::Column& to, size_t place, const sql::Column& from, size_t row) {
  to.valid[place] = from.valid[row];
  if (!from.ints.empty()) to.ints[place] = from.ints[row];
  if (!from.doubles.empty()) to.doubles[place] = from.doubles[row];
  if (!from.texts.empty()) to.texts[place] = from.texts[row];
}

void AddPlace(sql::Column& to, const sql::Column& from) {
  to.valid.push_back(0);
  if (!from.ints.empty()) to.ints.push_back(0);
  if (!from.doubles.empty()) to.doubles.push_back(0);
  if (!from.texts.empty()) to.texts.emplace_back();
}

}  // namespace

int CompareValues(const sql::Column& a, size_t row_a, const sql::Column& b, size_t row_b) {
  if (!a.valid[row_a] || !b.valid[row_b]) return Order(a.valid[row_a], b.valid[row_b]);
  switch (a.type) {
    case sql::Type::kBool:
    case sql::Type::kInt:
    case sql::Type::kDate:
    case sql::Type::kTimestamp:
    case sql::Type::kTimestampNanos:
      return Order(a.ints[row_a], b.ints[row_b]);
    case sql::Type::kDouble:
      return Order(Rank(a.doubles[row_a]), Rank(b.doubles[row_b]));
    case sql::Type::kDecimal:
      return CompareDecimals(a.texts[row_a], b.texts[row_b]);
    default:
      return a.texts[row_a].compare(b.texts[row_b]);
  }
}

void TieBreaker::Consider(const sql::Table& chunk, size_t at, const PointInTimeJoin::Tie& tie) {
  const auto [entry, is_new] = best_.try_emplace(tie.slot, Best{kept_.rows(), tie.row});
  const size_t place = entry->second.place;
  if (is_new) {
    for (size_t c = 0; c < chunk.columns.size(); ++c) AddPlace(kept_.columns[c], chunk.columns[c]);
  } else {
    int order = 0;
    for (size_t c = 0; c < chunk.columns.size() && order == 0; ++c) {
      order = CompareValues(chunk.columns[c], at, kept_.columns[c], place);
    }
    if (order <= 0) return;
    entry->second.row = tie.row;
  }
  for (size_t c = 0; c < chunk.columns.size(); ++c) {
    PutRow(kept_.columns[c], place, chunk.columns[c], at);
  }
}

void TieBreaker::Take(const sql::Table& chunk) {
  if (kept_.columns.empty()) {
    for (const sql::Column& column : chunk.columns) {
      kept_.columns.push_back({sql::ColumnInfo(column), {}, {}, {}, {}});
    }
  }
  const int64_t end = seen_ + static_cast<int64_t>(chunk.rows());
  for (; next_ < ties_.size() && ties_[next_].row < end; ++next_) {
    Consider(chunk, static_cast<size_t>(ties_[next_].row - seen_), ties_[next_]);
  }
  seen_ = end;
}

void TieBreaker::Settle(PointInTimeJoin& join) const {
  for (const auto& [slot, best] : best_) join.SetRow(slot, best.row);
}

}  // namespace tatara::features
