#include "sql/command.h"

#include <algorithm>
#include <filesystem>
#include <map>

#include "base/json.h"
#include "base/strings.h"
#include "os/os.h"
#include "sql/sql.h"

namespace tatara::sql {
namespace {

// The folder that holds all that a pattern can match.
std::string FolderOf(const std::string& pattern) {
  const std::string fixed = pattern.substr(0, pattern.find('*'));
  const size_t slash = fixed.rfind('/');
  return slash == std::string::npos ? "." : fixed.substr(0, slash + 1);
}

std::string PathOf(const SqlCommand& command, const NamedPath& source) {
  if (IsRemote(source.path)) return source.path;
  return os::AbsolutePath(os::JoinPath(command.folder, source.path));
}

// Numbers and ISO times as such, all else as text; "007" is text.
Value ParseParameter(const std::string& text) {
  const bool padded = text.size() > 1 && text[0] == '0' && text[1] != '.';
  const bool number_like =
      !text.empty() && !padded && text.find_first_not_of("0123456789+-.eE") == std::string::npos;
  int64_t whole = 0;
  if (number_like && ParseInt(text, whole)) return whole;
  double number = 0;
  if (number_like && ParseDouble(text, number)) return number;
  const bool date_like = text.size() >= 10 && text[4] == '-' && text[7] == '-';
  if (!date_like) return text;
  const auto time = ParseTime(text);
  if (!time) return text;
  if (text.size() > 10) return *time;
  return Date{static_cast<int32_t>(
      std::chrono::floor<std::chrono::days>(*time).time_since_epoch().count())};
}

bool Mentions(const std::string& query, const std::string& name) {
  return Lower(query).find(Lower(name)) != std::string::npos;
}

// It asks which tables there are: then all must be there.
bool AsksForNames(const std::string& query) {
  constexpr const char* kCatalogs[] = {"show",           "information_schema", "duckdb_views",
                                       "duckdb_columns", "sqlite_master",      "sqlite_schema",
                                       "pg_catalog"};
  return std::ranges::any_of(kCatalogs, [&](const char* name) { return Mentions(query, name); });
}

EngineOptions SandboxOf(const SqlCommand& command) {
  EngineOptions options;
  options.sandbox = true;
  options.memory_bytes = command.memory_bytes;
  options.folders = {os::AbsolutePath(command.folder) + "/"};
  for (const NamedPath& source : command.sources) {
    options.remote |= IsRemote(source.path) && Mentions(command.query, source.name);
    const std::string path = PathOf(command, source);
    if (IsRemote(path) || path.find('*') != std::string::npos) {
      options.folders.push_back(FolderOf(path));
    } else {
      options.files.push_back(path);
    }
    // A data tool's cache may stand behind a link; DuckDB asks for where the link leads.
    std::error_code none;
    const auto behind = std::filesystem::canonical(path, none);
    if (!none) options.files.push_back(behind.string());
  }
  for (const std::string& folder : command.view_folders) {
    options.folders.push_back(os::AbsolutePath(folder) + "/");
  }
  if (command.query.find("s3://") != std::string::npos) options.remote = true;
  if (options.remote) options.folders.push_back("s3://");
  if (!command.output.empty()) options.outputs.push_back(command.output);
  return options;
}

// The query names it, or a view does that the query names.
bool IsWanted(const SqlCommand& command, const std::string& table) {
  return Mentions(command.query, table) || AsksForNames(command.query) ||
         std::ranges::any_of(command.views, [&](const NamedSql& view) {
           return Mentions(command.query, view.name) && Mentions(view.sql, table);
         });
}

// Makes what the query names. A view whose file is missing only matters if the query wants it, and
// a name within the text may be anything: its error is kept until the query has failed.
Status MakeViews(Engine& engine, const SqlCommand& command,
                 std::map<std::string, Error>& failures) {
  const bool asks_for_names = AsksForNames(command.query);
  for (const NamedTable& table : command.tables) {
    if (IsWanted(command, table.name)) TRY(engine.CreateTable(table.name, table.table));
  }
  std::vector<NamedSql> views = command.views;
  for (const NamedPath& source : command.sources) {
    if (!asks_for_names && !Mentions(command.query, source.name)) continue;
    const auto file = OpenFile(engine, PathOf(command, source));
    if (!file) {
      failures.emplace(source.name, file.error());
    } else {
      views.push_back({source.name, "SELECT * FROM " + file->typed});
    }
  }
  for (const NamedSql& view : views) {
    if (!asks_for_names && !Mentions(command.query, view.name)) continue;
    const Status made = engine.Execute("CREATE VIEW " + QuoteName(view.name) + " AS " + view.sql);
    if (!made) failures.emplace(view.name, made.error());
  }
  return {};
}

// The names that a query may use.
std::vector<std::string> NamesOf(const SqlCommand& command) {
  std::vector<std::string> names;
  for (const NamedPath& source : command.sources) names.push_back(source.name);
  for (const NamedTable& table : command.tables) names.push_back(table.name);
  for (const NamedSql& view : command.views) names.push_back(view.name);
  for (const std::string& name : command.other_names) {
    if (std::ranges::find(names, name) == names.end()) names.push_back(name);
  }
  return names;
}

// The error of the query, or of the view that it missed. For an unknown name the names that there
// are, since the engine only knows those that the query mentions.
Error Explain(Error error, const SqlCommand& command,
              const std::map<std::string, Error>& failures) {
  for (const auto& [name, failure] : failures) {
    const bool missed = error.message.find("Table with name " + name + " ") != std::string::npos;
    if (missed) return Prefixed("source '" + name + "'", failure);
  }
  constexpr std::string_view kBefore = "Table with name ", kAfter = " does not exist!";
  const size_t begin = error.message.find(kBefore), end = error.message.find(kAfter);
  if (begin == std::string::npos || end == std::string::npos || end < begin) return error;
  const size_t name_at = begin + kBefore.size();
  const std::string name = error.message.substr(name_at, end - name_at);
  const std::vector<std::string> names = NamesOf(command);
  const std::string hint = DidYouMean(name, names);
  error.message.erase(end + kAfter.size() - 1);  // with the engine's own guess
  error.message += !hint.empty() ? hint : names.empty() ? "" : "; there are " + Join(names, ", ");
  return error;
}

template <class T>
void Keep(std::vector<T>& to, const std::vector<T>& from, size_t rows) {
  to.insert(to.end(), from.begin(), from.begin() + std::min(rows, from.size()));
}

Status Collect(Engine& engine, const Query& query, int64_t rows_kept, SqlResult& result) {
  return engine.Stream(query, [&](const Table& chunk) -> Status {
    if (result.table.columns.empty()) {
      for (const Column& column : chunk.columns) {
        result.table.columns.push_back({ColumnInfo(column), {}, {}, {}, {}});
      }
    }
    result.rows += static_cast<int64_t>(chunk.rows());
    const size_t have = result.table.rows();
    size_t take = chunk.rows();
    if (rows_kept > 0) take = std::min(take, static_cast<size_t>(rows_kept) - have);
    for (size_t c = 0; c < chunk.columns.size(); ++c) {
      Keep(result.table.columns[c].valid, chunk.columns[c].valid, take);
      Keep(result.table.columns[c].ints, chunk.columns[c].ints, take);
      Keep(result.table.columns[c].doubles, chunk.columns[c].doubles, take);
      Keep(result.table.columns[c].texts, chunk.columns[c].texts, take);
    }
    return {};
  });
}

// Tells the caller which engine runs, for as long as it does.
class Watch {
 public:
  Watch(const SqlCommand& command, Engine* engine) : command_(command) { Tell(engine); }
  ~Watch() { Tell(nullptr); }

 private:
  void Tell(Engine* engine) const {
    if (command_.watch) command_.watch(engine);
  }
  const SqlCommand& command_;
};

}  // namespace

Result<SqlResult> RunSqlCommand(const SqlCommand& command) {
  if (!command.output.empty()) (void)TRY(FormatOf(command.output));
  auto engine = TRY(Engine::Open(SandboxOf(command)));
  const Watch watch(command, engine.get());
  std::map<std::string, Error> failures;
  TRY(MakeViews(*engine, command, failures));
  Query query{command.query, {}, {.rows_max = command.rows_max, .timeout = command.timeout}};
  for (const auto& [name, value] : command.parameters) {
    query.parameters.push_back({name, ParseParameter(value)});
  }
  SqlResult result;
  const auto work = [&]() -> Status {
    TRY(engine->CheckReadOnly(query));
    if (command.output.empty()) return Collect(*engine, query, command.rows_kept, result);
    result.rows = TRY(engine->Write(query, command.output));
    return {};
  };
  Status done = work();
  if (!done) return std::unexpected(Explain(std::move(done).error(), command, failures));
  return result;
}

std::string SqlJson(const SqlResult& result) {
  std::string out = "{\"columns\":[";
  const auto& columns = result.table.columns;
  for (size_t c = 0; c < columns.size(); ++c) {
    if (c > 0) out += ',';
    AppendJsonString(out, columns[c].name);
  }
  out += "],\"rows\":[";
  for (size_t row = 0; row < result.table.rows(); ++row) {
    out += row > 0 ? ",[" : "[";
    for (size_t c = 0; c < columns.size(); ++c) {
      if (c > 0) out += ',';
      AppendCellJson(out, columns[c], row);
    }
    out += ']';
  }
  return out + "]}";
}

}  // namespace tatara::sql
