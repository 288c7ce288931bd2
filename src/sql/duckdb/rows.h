// Rows kept as DuckDB's own chunks, and columns picked from them into new chunks.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "sql/driver.h"
#include "sql/duckdb/handles.h"
#include "sql/duckdb/values.h"

namespace tatara::sql {

// All chunks but the last are full, so that a row's place is a division away, and equal rows always
// lie in equal chunks.
class ChunkedRows : public RowSet {
 public:
  explicit ChunkedRows(std::vector<ColumnReader> readers);
  // Takes a flat chunk of the columns' types. `wanted` has a mark for each of its rows, or is
  // empty.
  void Add(Chunk chunk, std::span<const uint8_t> wanted);

  size_t rows() const override { return rows_; }
  const std::vector<ColumnInfo>& columns() const override { return infos_; }
  Column Read(size_t column) const override;

  duckdb_logical_type type(size_t column) const { return readers_[column].type(); }
  duckdb_vector vector(size_t chunk, size_t column) const {
    return duckdb_data_chunk_get_vector(chunks_[chunk].get(), column);
  }

 private:
  Chunk NewChunk() const;
  void CopyRows(duckdb_data_chunk from, duckdb_selection_vector selection, size_t count);

  std::vector<ColumnReader> readers_;
  std::vector<ColumnInfo> infos_;
  std::vector<Chunk> chunks_;
  size_t rows_ = 0;
};

// Fills vectors with an OutputColumn's values. One thread.
class ColumnPicker {
 public:
  explicit ColumnPicker(const OutputColumn& column);
  duckdb_logical_type type() const { return rows_->type(column_); }
  // Rows `first` .. `first + count` of the output into `target`; `first` is a multiple of the
  // vector size.
  void Fill(size_t first, size_t count, duckdb_vector target);

 private:
  template <size_t kWidth>
  void FillFixed(std::span<const int64_t> pick, duckdb_vector target);
  void FillTexts(std::span<const int64_t> pick, duckdb_vector target);
  void FillAny(std::span<const int64_t> pick, duckdb_vector target);

  const ChunkedRows* rows_;
  size_t column_;
  std::span<const int64_t> pick_;
  size_t width_;                           // bytes of a value; 0: a text; kNested
  std::vector<const char*> data_;          // of each chunk
  std::vector<const uint64_t*> validity_;  // of each chunk
  Selection one_;
};

}  // namespace tatara::sql
