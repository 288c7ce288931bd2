// Rows with named columns into a version's input tensors, cell by cell as they are decoded, and
// into the cells that capture keeps.
//
//   RowBuilder rows(version);
//   for each column: TRY(rows.AddColumn(name));
//   TRY(rows.CheckColumns());               // kInvalid names a column that the model misses
//   for each row: rows.BeginRow(); TRY(rows.Put(position, cell))...; TRY(rows.EndRow());
//   rows.Finish(call);
// Columns that the model does not know are ignored. One thread.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "serving/serving.h"

namespace tatara::api {

class RowBuilder {
 public:
  // The version must have a binding (CheckBound).
  explicit RowBuilder(const serving::Version& version);

  // The next position of the following rows. A doubled name is kInvalid.
  Status AddColumn(std::string_view name);
  // kInvalid names a column of the model that was not added.
  Status CheckColumns() const;
  size_t columns() const { return columns_.size(); }
  // Instead of these, for rows whose names come one by one: the position of a name. `guess` is
  // tried first.
  size_t PositionOf(std::string_view name, size_t guess);

  void BeginRow();
  Status Put(size_t position, const inference::Cell& cell);
  // kInvalid names a column that the row does not have.
  Status EndRow();
  int64_t rows() const { return rows_; }
  // Whether the model wants text in a column.
  bool WantsText(size_t position) const;
  void Finish(serving::Call& call);

 private:
  static constexpr size_t kUnknown = SIZE_MAX;
  std::unexpected<Error> BadCell(size_t column, const Error& error) const;

  size_t TextPlaceOf(size_t column) const;  // among the texts of a row's cells
  size_t ColumnOf(std::string_view name, size_t guess) const;
  size_t WidthOf(size_t input) const { return version_.binding->inputs[input].columns.size(); }

  const serving::Version& version_;
  std::vector<size_t> columns_;  // by position: the column of the binding, or kUnknown
  // By column of the binding: whether it was added, or, where names come one by one, whether the
  // row has it.
  std::vector<uint8_t> seen_;
  size_t seen_count_ = 0;
  std::vector<std::string> names_;  // by position, where names come one by one
  std::vector<inference::Tensor> tensors_;
  serving::Cells cells_;
  int64_t rows_ = 0;
};

// kInvalid when the version takes no rows with named columns, and why.
Status CheckBound(const serving::Version& version);

}  // namespace tatara::api
