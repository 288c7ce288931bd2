#include "sql/duckdb/rows.h"

#include <algorithm>
#include <cstring>

namespace tatara::sql {
namespace {

constexpr size_t kVector = 2048;
constexpr size_t kText = 0;
constexpr size_t kNested = 99;

size_t WidthOf(duckdb_type id) {
  switch (id) {
    case DUCKDB_TYPE_BOOLEAN:
    case DUCKDB_TYPE_TINYINT:
    case DUCKDB_TYPE_UTINYINT:
      return 1;
    case DUCKDB_TYPE_SMALLINT:
    case DUCKDB_TYPE_USMALLINT:
      return 2;
    case DUCKDB_TYPE_INTEGER:
    case DUCKDB_TYPE_UINTEGER:
    case DUCKDB_TYPE_FLOAT:
    case DUCKDB_TYPE_DATE:
      return 4;
    case DUCKDB_TYPE_BIGINT:
    case DUCKDB_TYPE_UBIGINT:
    case DUCKDB_TYPE_DOUBLE:
    case DUCKDB_TYPE_TIME:
    case DUCKDB_TYPE_TIME_TZ:
    case DUCKDB_TYPE_TIME_NS:
    case DUCKDB_TYPE_TIMESTAMP:
    case DUCKDB_TYPE_TIMESTAMP_TZ:
    case DUCKDB_TYPE_TIMESTAMP_S:
    case DUCKDB_TYPE_TIMESTAMP_MS:
    case DUCKDB_TYPE_TIMESTAMP_NS:
      return 8;
    case DUCKDB_TYPE_HUGEINT:
    case DUCKDB_TYPE_UHUGEINT:
    case DUCKDB_TYPE_UUID:
    case DUCKDB_TYPE_INTERVAL:
      return 16;
    case DUCKDB_TYPE_VARCHAR:
    case DUCKDB_TYPE_BLOB:
      return kText;
    default:
      return kNested;
  }
}

size_t WidthOf(duckdb_logical_type type) {
  const duckdb_type id = duckdb_get_type_id(type);
  if (id == DUCKDB_TYPE_DECIMAL) return WidthOf(duckdb_decimal_internal_type(type));
  if (id == DUCKDB_TYPE_ENUM) return WidthOf(duckdb_enum_internal_type(type));
  return WidthOf(id);
}

}  // namespace

ChunkedRows::ChunkedRows(std::vector<ColumnReader> readers) : readers_(std::move(readers)) {
  for (const ColumnReader& reader : readers_) infos_.push_back(reader.info());
}

Chunk ChunkedRows::NewChunk() const {
  std::vector<duckdb_logical_type> types;
  for (const ColumnReader& reader : readers_) types.push_back(reader.type());
  return Chunk(duckdb_create_data_chunk(types.data(), types.size()));
}

void ChunkedRows::CopyRows(duckdb_data_chunk from, duckdb_selection_vector selection,
                           size_t count) {
  for (size_t done = 0; done < count;) {
    const size_t used = rows_ % kVector;
    if (used == 0) chunks_.push_back(NewChunk());
    const size_t step = std::min(count - done, kVector - used);
    duckdb_data_chunk to = chunks_.back().get();
    for (size_t c = 0; c < readers_.size(); ++c) {
      duckdb_vector_copy_sel(duckdb_data_chunk_get_vector(from, c),
                             duckdb_data_chunk_get_vector(to, c), selection, done + step, done,
                             used);
    }
    duckdb_data_chunk_set_size(to, used + step);
    done += step;
    rows_ += step;
  }
}

void ChunkedRows::Add(Chunk chunk, std::span<const uint8_t> wanted) {
  const size_t size = duckdb_data_chunk_get_size(chunk.get());
  if (wanted.empty() && size == kVector && rows_ % kVector == 0) {
    chunks_.push_back(std::move(chunk));
    rows_ += size;
    return;
  }
  const Selection selection(duckdb_create_selection_vector(size));
  sel_t* rows = duckdb_selection_vector_get_data_ptr(selection.get());
  size_t count = 0;
  for (size_t row = 0; row < size; ++row) {
    rows[count] = static_cast<sel_t>(row);
    count += wanted.empty() || wanted[row] != 0;
  }
  CopyRows(chunk.get(), selection.get(), count);
}

Column ChunkedRows::Read(size_t column) const {
  Column out = readers_[column].Empty();
  for (size_t i = 0; i < chunks_.size(); ++i) {
    readers_[column].Append(vector(i, column), duckdb_data_chunk_get_size(chunks_[i].get()), out);
  }
  return out;
}

ColumnPicker::ColumnPicker(const OutputColumn& column)
    : rows_(static_cast<const ChunkedRows*>(column.rows)),
      column_(column.column),
      pick_(column.pick),
      width_(WidthOf(type())) {
  const size_t chunks = (rows_->rows() + kVector - 1) / kVector;
  for (size_t i = 0; i < chunks; ++i) {
    const duckdb_vector vector = rows_->vector(i, column_);
    data_.push_back(static_cast<const char*>(duckdb_vector_get_data(vector)));
    validity_.push_back(duckdb_vector_get_validity(vector));
  }
  one_ = Selection(duckdb_create_selection_vector(kVector));
}

void ColumnPicker::Fill(size_t first, size_t count, duckdb_vector target) {
  if (pick_.empty()) {
    duckdb_vector_reference_vector(target, rows_->vector(first / kVector, column_));
    return;
  }
  const auto pick = pick_.subspan(first, count);
  switch (width_) {
    case 1:
      return FillFixed<1>(pick, target);
    case 2:
      return FillFixed<2>(pick, target);
    case 4:
      return FillFixed<4>(pick, target);
    case 8:
      return FillFixed<8>(pick, target);
    case 16:
      return FillFixed<16>(pick, target);
    case kText:
      return FillTexts(pick, target);
    default:
      return FillAny(pick, target);
  }
}

namespace {

void SetNull(duckdb_vector target, size_t row) {
  duckdb_vector_ensure_validity_writable(target);
  duckdb_validity_set_row_invalid(duckdb_vector_get_validity(target), row);
}

// A null of any type: what lies inside it must be null too.
void SetNullDeep(duckdb_vector target, duckdb_logical_type type, size_t row) {
  SetNull(target, row);
  switch (duckdb_get_type_id(type)) {
    case DUCKDB_TYPE_LIST:
    case DUCKDB_TYPE_MAP:
      static_cast<duckdb_list_entry*>(duckdb_vector_get_data(target))[row] = {0, 0};
      return;
    case DUCKDB_TYPE_STRUCT:
      for (idx_t c = 0; c < duckdb_struct_type_child_count(type); ++c) {
        const LogicalType child(duckdb_struct_type_child_type(type, c));
        SetNullDeep(duckdb_struct_vector_get_child(target, c), child.get(), row);
      }
      return;
    case DUCKDB_TYPE_UNION:
      SetNull(duckdb_struct_vector_get_child(target, 0), row);
      for (idx_t c = 0; c < duckdb_union_type_member_count(type); ++c) {
        const LogicalType member(duckdb_union_type_member_type(type, c));
        SetNullDeep(duckdb_struct_vector_get_child(target, c + 1), member.get(), row);
      }
      return;
    case DUCKDB_TYPE_ARRAY: {
      const LogicalType child(duckdb_array_type_child_type(type));
      const idx_t size = duckdb_array_type_array_size(type);
      for (idx_t i = 0; i < size; ++i) {
        SetNullDeep(duckdb_array_vector_get_child(target), child.get(), row * size + i);
      }
      return;
    }
    default:
      return;
  }
}

bool IsNull(const uint64_t* validity, size_t row) {
  return validity != nullptr && ((validity[row / 64] >> (row % 64)) & 1) == 0;
}

}  // namespace

template <size_t kWidth>
void ColumnPicker::FillFixed(std::span<const int64_t> pick, duckdb_vector target) {
  auto* out = static_cast<char*>(duckdb_vector_get_data(target));
  for (size_t i = 0; i < pick.size(); ++i) {
    const auto chunk = static_cast<size_t>(pick[i]) / kVector;
    const auto row = static_cast<size_t>(pick[i]) % kVector;
    if (pick[i] < 0 || IsNull(validity_[chunk], row)) {
      std::memset(out + i * kWidth, 0, kWidth);
      SetNull(target, i);
    } else {
      std::memcpy(out + i * kWidth, data_[chunk] + row * kWidth, kWidth);
    }
  }
}

void ColumnPicker::FillTexts(std::span<const int64_t> pick, duckdb_vector target) {
  for (size_t i = 0; i < pick.size(); ++i) {
    const auto chunk = static_cast<size_t>(pick[i]) / kVector;
    const auto row = static_cast<size_t>(pick[i]) % kVector;
    if (pick[i] < 0 || IsNull(validity_[chunk], row)) {
      SetNull(target, i);
      continue;
    }
    auto text = reinterpret_cast<const duckdb_string_t*>(data_[chunk])[row];
    duckdb_vector_assign_string_element_len(target, i, duckdb_string_t_data(&text),
                                            duckdb_string_t_length(text));
  }
}

void ColumnPicker::FillAny(std::span<const int64_t> pick, duckdb_vector target) {
  sel_t* selected = duckdb_selection_vector_get_data_ptr(one_.get());
  for (size_t i = 0; i < pick.size(); ++i) {
    if (pick[i] < 0) {
      SetNullDeep(target, type(), i);
      continue;
    }
    selected[0] = static_cast<sel_t>(static_cast<size_t>(pick[i]) % kVector);
    duckdb_vector_copy_sel(rows_->vector(static_cast<size_t>(pick[i]) / kVector, column_), target,
                           one_.get(), 1, 0, i);
  }
}

}  // namespace tatara::sql
