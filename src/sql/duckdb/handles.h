// Owners of DuckDB's C handles: destroyed by their own function, moved, never copied.
#pragma once

#include <string>
#include <utility>

#include "duckdb.h"

namespace tatara::sql {

template <class T, void (*Destroy)(T*)>
class Handle {
 public:
  Handle() = default;
  explicit Handle(T value) : value_(value) {}
  Handle(Handle&& other) noexcept : value_(std::exchange(other.value_, T{})) {}
  Handle& operator=(Handle&& other) noexcept {
    std::swap(value_, other.value_);
    return *this;
  }
  ~Handle() {
    if (value_) Destroy(&value_);
  }
  T get() const { return value_; }
  T* out() { return &value_; }
  explicit operator bool() const { return value_ != nullptr; }

 private:
  T value_{};
};

inline void DestroyAppender(duckdb_appender* appender) { duckdb_appender_destroy(appender); }
inline void DestroySelection(duckdb_selection_vector* selection) {
  duckdb_destroy_selection_vector(*selection);
}

using Chunk = Handle<duckdb_data_chunk, duckdb_destroy_data_chunk>;
using LogicalType = Handle<duckdb_logical_type, duckdb_destroy_logical_type>;
using Prepared = Handle<duckdb_prepared_statement, duckdb_destroy_prepare>;
using Pending = Handle<duckdb_pending_result, duckdb_destroy_pending>;
using Extracted = Handle<duckdb_extracted_statements, duckdb_destroy_extracted>;
using BoxedValue = Handle<duckdb_value, duckdb_destroy_value>;
using Appender = Handle<duckdb_appender, DestroyAppender>;
using Selection = Handle<duckdb_selection_vector, DestroySelection>;

class QueryResult {
 public:
  QueryResult() = default;
  QueryResult(const QueryResult&) = delete;
  QueryResult& operator=(const QueryResult&) = delete;
  ~QueryResult() { duckdb_destroy_result(&result_); }
  duckdb_result* out() { return &result_; }
  duckdb_result& get() { return result_; }

 private:
  duckdb_result result_{};
};

// Takes over a text that DuckDB allocated.
inline std::string TakeText(char* text) {
  std::string out = text == nullptr ? "" : text;
  duckdb_free(text);
  return out;
}

}  // namespace tatara::sql
