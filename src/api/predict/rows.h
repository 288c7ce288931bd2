// Rows with named columns into a version's input tensors, cell by cell as they are decoded, and
// into the cells that capture keeps.
//
//   RowBuilder rows(version);
//   TRY(rows.SetColumns(names));            // kInvalid names a column that the model misses
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

  // What the positions of the following rows mean. A doubled name is kInvalid.
  Status SetColumns(std::span<const std::string> names);
  // The position of a name that SetColumns or this call has seen; for rows whose names come one by
  // one. `guess` is tried first.
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

  const serving::Version& version_;
  std::vector<std::string> names_;   // by position
  std::vector<size_t> columns_;      // by position: the column of the binding, or kUnknown
  std::vector<size_t> text_places_;  // by column of the binding: its place among the texts
  std::vector<inference::Tensor> tensors_;
  std::vector<size_t> widths_;  // columns of each tensor
  serving::Cells cells_;
  std::vector<uint8_t> seen_;  // by column: whether this row has it
  size_t seen_count_ = 0;
  int64_t rows_ = 0;
};

// kInvalid when the version takes no rows with named columns, and why.
Status CheckBound(const serving::Version& version);

}  // namespace tatara::api
