// `tatara sql`: a query of a person over the project's sources and files, safely.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "sql/column.h"

namespace tatara::sql {

class Engine;

struct NamedPath {
  std::string name;
  std::string path;  // a file or a pattern with '*', or a URL
};
struct NamedSql {
  std::string name;
  std::string sql;  // a SELECT of ours
};
struct NamedTable {
  std::string name;
  Table table;
};

struct SqlCommand {
  std::string query;
  std::vector<std::pair<std::string, std::string>> parameters;  // as given: --param NAME=VALUE
  std::string folder = ".";                                     // files below it may be read
  std::vector<NamedPath> sources;                               // each becomes a view
  std::vector<NamedSql> views;
  std::vector<NamedTable> tables;
  std::vector<std::string> view_folders;  // what `views` read outside `folder`
  std::vector<std::string> other_names;   // what the query could name, too: for the hint
  std::string output;                     // a file to be written; empty: the rows come back
  int64_t rows_max = 0;                   // more is kExhausted; 0: no limit
  int64_t rows_kept = 0;                  // only so many come back, all are counted; 0: all
  int64_t memory_bytes = 0;
  Duration timeout{0};
  // Called with the running engine, so that another thread can Interrupt it or ask its Progress;
  // called with null before it goes away.
  std::function<void(Engine*)> watch;
};

struct SqlResult {
  Table table;       // the rows that came back; empty with `output`
  int64_t rows = 0;  // of the whole result
};

Result<SqlResult> RunSqlCommand(const SqlCommand& command);

// {"columns": [...], "rows": [[...], ...]}
std::string SqlJson(const SqlResult& result);

}  // namespace tatara::sql
