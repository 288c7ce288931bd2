// The files of a build, and how the columns of two of them meet.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "sql/sql.h"

namespace tatara::features {

// A file of the build, with its name in messages: "spine", "source 'weather'".
struct Input {
  std::string label;
  std::string path;
  sql::FileScan file;

  // kInvalid naming the nearest column when there is none.
  Result<sql::ColumnInfo> Find(const std::string& column) const;
};

Result<Input> OpenInput(sql::Engine& engine, std::string label, const std::string& path);

// How a key column of two inputs is read so that equal keys are equal values of one type.
struct KeyMatch {
  std::string spine;   // SQL over the spine's raw rows
  std::string source;  // SQL over the source's raw rows
};
// Integers by value, texts by bytes, bool, date, timestamp. A CSV column takes the other's type.
Result<KeyMatch> MatchKey(const Input& spine, const Input& source, const std::string& key);

}  // namespace tatara::features
