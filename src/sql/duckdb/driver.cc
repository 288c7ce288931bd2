#include "sql/driver.h"

#include <algorithm>
#include <memory>

#include "base/strings.h"
#include "sql/duckdb/handles.h"
#include "sql/duckdb/rows.h"
#include "sql/duckdb/values.h"

namespace tatara::sql {
namespace {

// DuckDB's own words go out as kInternal; Engine turns them into our codes.
std::unexpected<Error> Raw(const char* message) {
  return Internal(message == nullptr ? "unknown error" : message);
}

// The first word of a statement, after blanks and comments.
std::string_view FirstWord(std::string_view text) {
  for (;;) {
    text = Trim(text);
    const bool line = text.starts_with("--");
    if (!line && !text.starts_with("/*")) break;
    const size_t end = text.find(line ? "\n" : "*/");
    if (end == text.npos) return {};
    text.remove_prefix(end + (line ? 1 : 2));
  }
  const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  return text.substr(0, std::ranges::find_if_not(text, is_letter) - text.begin());
}

class DuckDbCursor : public Cursor {
 public:
  static Result<std::unique_ptr<DuckDbCursor>> Start(Prepared& prepared) {
    Pending pending;
    if (duckdb_pending_prepared_streaming(prepared.get(), pending.out()) != DuckDBSuccess) {
      return Raw(duckdb_pending_error(pending.get()));
    }
    auto cursor = std::make_unique<DuckDbCursor>();
    if (duckdb_execute_pending(pending.get(), cursor->result_.out()) != DuckDBSuccess) {
      return Raw(duckdb_result_error(cursor->result_.out()));
    }
    const idx_t columns = duckdb_column_count(cursor->result_.out());
    for (idx_t c = 0; c < columns; ++c) {
      cursor->readers_.emplace_back(
          duckdb_column_name(cursor->result_.out(), c),
          LogicalType(duckdb_column_logical_type(cursor->result_.out(), c)));
      cursor->infos_.push_back(cursor->readers_.back().info());
    }
    return cursor;
  }

  const std::vector<ColumnInfo>& columns() const override { return infos_; }
  std::vector<ColumnReader> TakeReaders() { return std::move(readers_); }

  // A chunk with rows, or an empty handle at the end.
  Result<Chunk> NextChunk() {
    while (true) {
      Chunk chunk(duckdb_fetch_chunk(result_.get()));
      if (!chunk) {
        const char* message = duckdb_result_error(result_.out());
        if (message != nullptr && *message != '\0') return Raw(message);
        return chunk;
      }
      if (duckdb_data_chunk_get_size(chunk.get()) > 0) return chunk;
    }
  }

  Result<bool> Next(Table& table) override {
    if (table.columns.empty()) {
      for (const ColumnReader& reader : readers_) table.columns.push_back(reader.Empty());
    }
    for (Column& column : table.columns) ClearColumn(column);
    const Chunk chunk = TRY(NextChunk());
    if (!chunk) return false;
    const size_t rows = duckdb_data_chunk_get_size(chunk.get());
    for (size_t c = 0; c < readers_.size(); ++c) {
      readers_[c].Append(duckdb_data_chunk_get_vector(chunk.get(), c), rows, table.columns[c]);
    }
    return true;
  }

 private:
  QueryResult result_;
  std::vector<ColumnReader> readers_;
  std::vector<ColumnInfo> infos_;
};

duckdb_state Bind(duckdb_prepared_statement statement, idx_t at, const Value& value) {
  struct Binder {
    duckdb_prepared_statement statement;
    idx_t at;
    duckdb_state operator()(std::monostate) const { return duckdb_bind_null(statement, at); }
    duckdb_state operator()(bool v) const { return duckdb_bind_boolean(statement, at, v); }
    duckdb_state operator()(int64_t v) const { return duckdb_bind_int64(statement, at, v); }
    duckdb_state operator()(double v) const { return duckdb_bind_double(statement, at, v); }
    duckdb_state operator()(const std::string& v) const {
      return duckdb_bind_varchar_length(statement, at, v.data(), v.size());
    }
    duckdb_state operator()(Time v) const {
      return duckdb_bind_timestamp(statement, at, {ToMicros(v)});
    }
    duckdb_state operator()(Date v) const { return duckdb_bind_date(statement, at, {v.days}); }
  };
  return std::visit(Binder{statement, at}, value);
}

Status BindAll(duckdb_prepared_statement statement, const std::vector<Parameter>& parameters) {
  std::vector<bool> given(duckdb_nparams(statement) + 1);
  for (const Parameter& parameter : parameters) {
    idx_t at = 0;
    if (duckdb_bind_parameter_index(statement, &at, parameter.name.c_str()) != DuckDBSuccess) {
      return Invalid("the query has no parameter '$" + parameter.name + "'");
    }
    if (Bind(statement, at, parameter.value) != DuckDBSuccess) {
      return Invalid("parameter '$" + parameter.name + "' cannot be bound");
    }
    given[at] = true;
  }
  for (idx_t at = 1; at < given.size(); ++at) {
    if (given[at]) continue;
    const std::string name = TakeText(const_cast<char*>(duckdb_parameter_name(statement, at)));
    return Invalid("the query wants a value for '$" + name + "'");
  }
  return {};
}

duckdb_type TypeIdOf(Type type) {
  switch (type) {
    case Type::kBool:
      return DUCKDB_TYPE_BOOLEAN;
    case Type::kInt:
      return DUCKDB_TYPE_BIGINT;
    case Type::kDouble:
    case Type::kDecimal:
      return DUCKDB_TYPE_DOUBLE;
    case Type::kDate:
      return DUCKDB_TYPE_DATE;
    case Type::kTimestamp:
      return DUCKDB_TYPE_TIMESTAMP;
    case Type::kTimestampNanos:
      return DUCKDB_TYPE_TIMESTAMP_NS;
    default:
      return DUCKDB_TYPE_VARCHAR;
  }
}

const char* TypeNameOf(Type type) {
  switch (type) {
    case Type::kBool:
      return "BOOLEAN";
    case Type::kInt:
      return "BIGINT";
    case Type::kDouble:
    case Type::kDecimal:
      return "DOUBLE";
    case Type::kDate:
      return "DATE";
    case Type::kTimestamp:
      return "TIMESTAMP";
    case Type::kTimestampNanos:
      return "TIMESTAMP_NS";
    default:
      return "VARCHAR";
  }
}

template <class T, class From>
void PutAll(duckdb_vector vector, const std::vector<From>& from, size_t first, size_t count) {
  auto* out = static_cast<T*>(duckdb_vector_get_data(vector));
  for (size_t i = 0; i < count; ++i) out[i] = static_cast<T>(from[first + i]);
}

void PutColumn(duckdb_vector vector, const Column& column, size_t first, size_t count) {
  switch (column.type) {
    case Type::kBool:
      PutAll<bool>(vector, column.ints, first, count);
      break;
    case Type::kInt:
    case Type::kTimestamp:
    case Type::kTimestampNanos:
      PutAll<int64_t>(vector, column.ints, first, count);
      break;
    case Type::kDate:
      PutAll<int32_t>(vector, column.ints, first, count);
      break;
    case Type::kDouble:
    case Type::kDecimal:
      PutAll<double>(vector, column.doubles, first, count);
      break;
    default:
      for (size_t i = 0; i < count; ++i) {
        const std::string& text = column.texts[first + i];
        duckdb_vector_assign_string_element_len(vector, i, text.data(), text.size());
      }
  }
  for (size_t i = 0; i < count; ++i) {
    if (column.valid[first + i]) continue;
    duckdb_vector_ensure_validity_writable(vector);
    duckdb_validity_set_row_invalid(duckdb_vector_get_validity(vector), i);
  }
}

// What the table function `tatara_output()` gives while Write runs.
struct Output {
  std::vector<std::string> names;
  std::vector<ColumnPicker> pickers;
  size_t rows = 0;
  size_t next = 0;
};

void BindOutput(duckdb_bind_info info) {
  auto* output = *static_cast<Output**>(duckdb_bind_get_extra_info(info));
  if (output == nullptr) return duckdb_bind_set_error(info, "tatara_output: nothing to write");
  for (size_t c = 0; c < output->names.size(); ++c) {
    duckdb_bind_add_result_column(info, output->names[c].c_str(), output->pickers[c].type());
  }
  duckdb_bind_set_cardinality(info, output->rows, true);
}

void InitOutput(duckdb_init_info info) { duckdb_init_set_max_threads(info, 1); }

void FillOutput(duckdb_function_info info, duckdb_data_chunk chunk) {
  auto* output = *static_cast<Output**>(duckdb_function_get_extra_info(info));
  const size_t count = std::min<size_t>(duckdb_vector_size(), output->rows - output->next);
  for (size_t c = 0; c < output->pickers.size() && count > 0; ++c) {
    output->pickers[c].Fill(output->next, count, duckdb_data_chunk_get_vector(chunk, c));
  }
  output->next += count;
  duckdb_data_chunk_set_size(chunk, count);
}

class DuckDbDriver : public Driver {
 public:
  ~DuckDbDriver() override {
    duckdb_disconnect(&connection_);
    duckdb_close(&database_);
  }

  Status Start(const std::vector<DriverSetting>& settings) {
    duckdb_config config = nullptr;
    if (duckdb_create_config(&config) != DuckDBSuccess) return Raw("no configuration");
    for (const DriverSetting& setting : settings) {
      duckdb_set_config(config, setting.name.c_str(), setting.value.c_str());
    }
    char* message = nullptr;
    const auto state = duckdb_open_ext(nullptr, &database_, config, &message);
    duckdb_destroy_config(&config);
    if (state != DuckDBSuccess) return Internal(TakeText(message));
    if (duckdb_connect(database_, &connection_) != DuckDBSuccess) return Raw("no connection");
    return RegisterOutput();
  }

  Status Execute(const std::string& sql) override {
    QueryResult result;
    if (duckdb_query(connection_, sql.c_str(), result.out()) != DuckDBSuccess) {
      return Raw(duckdb_result_error(result.out()));
    }
    return {};
  }

  Result<StatementKind> Classify(const std::string& text) override {
    Extracted statements;
    const idx_t count = duckdb_extract_statements(connection_, text.c_str(), statements.out());
    if (count == 0) {
      const char* message = duckdb_extract_statements_error(statements.get());
      if (message == nullptr || *message == '\0') return Invalid("the query is empty");
      return Raw(message);
    }
    if (count > 1) return StatementKind::kSeveral;
    // Preparing this one makes its folder already.
    if (EqualsIgnoreCase(FirstWord(text), "export")) return StatementKind::kChanges;
    Prepared prepared;
    if (duckdb_prepare_extracted_statement(connection_, statements.get(), 0, prepared.out()) !=
        DuckDBSuccess) {
      return Raw(duckdb_prepare_error(prepared.get()));
    }
    switch (duckdb_prepared_statement_type(prepared.get())) {
      case DUCKDB_STATEMENT_TYPE_SELECT:
        return StatementKind::kReads;
      case DUCKDB_STATEMENT_TYPE_EXPLAIN:
        return StatementKind::kExplains;
      default:
        return StatementKind::kChanges;
    }
  }

  Result<std::vector<ColumnInfo>> Describe(const Query& query) override {
    const Prepared prepared = TRY(Prepare(query));
    std::vector<ColumnInfo> columns;
    const idx_t count = duckdb_prepared_statement_column_count(prepared.get());
    for (idx_t c = 0; c < count; ++c) {
      const LogicalType type(duckdb_prepared_statement_column_logical_type(prepared.get(), c));
      const char* name = duckdb_prepared_statement_column_name(prepared.get(), c);
      columns.push_back(
          {TakeText(const_cast<char*>(name)), TypeOf(type.get()), DeclaredType(type.get())});
    }
    return columns;
  }

  Result<std::unique_ptr<Cursor>> Open(const Query& query) override {
    Prepared prepared = TRY(Prepare(query));
    return std::unique_ptr<Cursor>(TRY(DuckDbCursor::Start(prepared)));
  }

  Result<std::unique_ptr<RowSet>> Fetch(const Query& query,
                                        std::span<const uint8_t> wanted) override {
    Prepared prepared = TRY(Prepare(query));
    const auto cursor = TRY(DuckDbCursor::Start(prepared));
    auto rows = std::make_unique<ChunkedRows>(cursor->TakeReaders());
    size_t seen = 0;
    while (true) {
      Chunk chunk = TRY(cursor->NextChunk());
      if (!chunk) break;
      const size_t size = duckdb_data_chunk_get_size(chunk.get());
      if (!wanted.empty() && seen + size > wanted.size()) {
        return Conflict("the files changed while they were read");
      }
      rows->Add(std::move(chunk), wanted.empty() ? wanted : wanted.subspan(seen, size));
      seen += size;
    }
    if (!wanted.empty() && seen != wanted.size()) {
      return Conflict("the files changed while they were read");
    }
    return std::unique_ptr<RowSet>(std::move(rows));
  }

  Result<int64_t> Count(const Query& query) override {
    Prepared prepared = TRY(Prepare(query));
    QueryResult result;
    if (duckdb_execute_prepared(prepared.get(), result.out()) != DuckDBSuccess) {
      return Raw(duckdb_result_error(result.out()));
    }
    return static_cast<int64_t>(duckdb_rows_changed(result.out()));
  }

  Result<int64_t> Write(std::span<const OutputColumn> columns, const std::string& copy) override {
    Output output;
    output.rows = columns.empty()           ? 0
                  : columns[0].pick.empty() ? columns[0].rows->rows()
                                            : columns[0].pick.size();
    for (const OutputColumn& column : columns) {
      output.names.push_back(column.name);
      output.pickers.emplace_back(column);
    }
    output_ = &output;
    auto written = Count({.text = copy, .parameters = {}, .limits = {}});
    output_ = nullptr;
    return written;
  }

  Status CreateTable(const std::string& name, const Table& table) override {
    std::string columns;
    std::vector<LogicalType> types;
    std::vector<duckdb_logical_type> raw_types;
    for (const Column& column : table.columns) {
      columns +=
          (columns.empty() ? "" : ", ") + QuoteName(column.name) + " " + TypeNameOf(column.type);
      types.emplace_back(duckdb_create_logical_type(TypeIdOf(column.type)));
      raw_types.push_back(types.back().get());
    }
    TRY(Execute("CREATE OR REPLACE TABLE " + QuoteName(name) + " (" + columns + ")"));
    Appender appender;
    if (duckdb_appender_create(connection_, nullptr, name.c_str(), appender.out()) !=
        DuckDBSuccess) {
      return Raw(duckdb_appender_error(appender.get()));
    }
    const size_t step = duckdb_vector_size();
    for (size_t first = 0; first < table.rows(); first += step) {
      const size_t count = std::min(step, table.rows() - first);
      const Chunk chunk(duckdb_create_data_chunk(raw_types.data(), raw_types.size()));
      for (size_t c = 0; c < table.columns.size(); ++c) {
        PutColumn(duckdb_data_chunk_get_vector(chunk.get(), c), table.columns[c], first, count);
      }
      duckdb_data_chunk_set_size(chunk.get(), count);
      if (duckdb_append_data_chunk(appender.get(), chunk.get()) != DuckDBSuccess) {
        return Raw(duckdb_appender_error(appender.get()));
      }
    }
    if (duckdb_appender_close(appender.get()) != DuckDBSuccess) {
      return Raw(duckdb_appender_error(appender.get()));
    }
    return {};
  }

  void Interrupt() override { duckdb_interrupt(connection_); }

  std::optional<double> Progress() override {
    const double percent = duckdb_query_progress(connection_).percentage;
    if (percent < 0) return std::nullopt;
    return percent / 100;
  }

 private:
  Status RegisterOutput() {
    duckdb_table_function function = duckdb_create_table_function();
    duckdb_table_function_set_name(function, "tatara_output");
    duckdb_table_function_set_extra_info(function, &output_, nullptr);
    duckdb_table_function_set_bind(function, BindOutput);
    duckdb_table_function_set_init(function, InitOutput);
    duckdb_table_function_set_function(function, FillOutput);
    const auto state = duckdb_register_table_function(connection_, function);
    duckdb_destroy_table_function(&function);
    if (state != DuckDBSuccess) return Raw("tatara_output cannot be registered");
    return {};
  }

  Result<Prepared> Prepare(const Query& query) {
    Prepared prepared;
    if (duckdb_prepare(connection_, query.text.c_str(), prepared.out()) != DuckDBSuccess) {
      return Raw(duckdb_prepare_error(prepared.get()));
    }
    TRY(BindAll(prepared.get(), query.parameters));
    return prepared;
  }

  duckdb_database database_ = nullptr;
  duckdb_connection connection_ = nullptr;
  Output* output_ = nullptr;
};

}  // namespace
}  // namespace tatara::sql

extern "C" tatara::Result<std::unique_ptr<tatara::sql::Driver>>* tatara_open_duckdb(
    const std::vector<tatara::sql::DriverSetting>& settings) {
  using tatara::sql::Driver;
  auto driver = std::make_unique<tatara::sql::DuckDbDriver>();
  auto started = driver->Start(settings);
  auto answer = std::make_unique<tatara::Result<std::unique_ptr<Driver>>>(std::move(driver));
  if (!started) *answer = std::unexpected(started.error());
  return answer.release();
}
