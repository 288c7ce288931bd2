#include "os/files.h"

#include "base/strings.h"
#include "sql/sql.h"

namespace tatara::sql {
namespace {

struct CsvType {
  const char* name;
  const char* pattern;  // of a whole value; it must cast, too (ranges, the calendar)
};

constexpr CsvType kCsvTypes[] = {
    {"BIGINT", "[+-]?(0|[1-9][0-9]*)"},
    {"DOUBLE",
     "[+-]?(0|[1-9][0-9]*|(0|[1-9][0-9]*)?\\.[0-9]+|(0|[1-9][0-9]*)\\.)([eE][+-]?[0-9]+)?|"
     "[+-]?(?i:inf|infinity|nan)"},
    {"BOOLEAN", "(?i:true|false)"},
    {"DATE", "[0-9]{4}-[0-9]{2}-[0-9]{2}"},
    {"TIMESTAMP", "[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}(:[0-9]{2}(\\.[0-9]+)?)?"},
    {"TIMESTAMP WITH TIME ZONE",
     "[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}(:[0-9]{2}(\\.[0-9]+)?)?"
     "(Z|z|[+-][0-9]{2}(:?[0-9]{2})?)"},
};

Type TypeOfCsv(std::string_view declared) {
  if (declared == "BIGINT") return Type::kInt;
  if (declared == "DOUBLE") return Type::kDouble;
  if (declared == "BOOLEAN") return Type::kBool;
  if (declared == "DATE") return Type::kDate;
  if (declared.starts_with("TIMESTAMP")) return Type::kTimestamp;
  return Type::kText;
}

std::string ScanOf(const std::string& path, FileFormat format) {
  const bool several = path.find('*') != std::string::npos;
  const std::string files = several ? ", union_by_name=true" : "";
  if (format == FileFormat::kParquet) {
    return "read_parquet(" + QuoteText(path) + ", hive_partitioning=false" + files + ")";
  }
  return "read_csv(" + QuoteText(path) +
         ", header=true, skip=0, delim=',', quote='\"', escape='\"', comment='', nullstr='', "
         "allow_quoted_nulls=false, hive_partitioning=false, all_varchar=true" +
         files + ")";
}

// One pass over the file: for each column and type whether all values have it.
Status FindCsvTypes(Engine& engine, FileScan& scan) {
  std::vector<std::string> tests;
  for (const ColumnInfo& column : scan.columns) {
    const std::string name = QuoteName(column.name);
    for (const CsvType& type : kCsvTypes) {
      tests.push_back("bool_and(regexp_full_match(" + name + ", " + QuoteText(type.pattern) +
                      ") AND TRY_CAST(" + name + " AS " + type.name +
                      ") IS NOT NULL) FILTER (WHERE " + name + " IS NOT NULL)");
    }
  }
  const Table answers =
      TRY(engine.Read({.text = "SELECT " + Join(tests, ", ") + " FROM " + scan.raw,
                       .parameters = {},
                       .limits = {}}));
  size_t next = 0;
  for (ColumnInfo& column : scan.columns) {
    std::string found = "VARCHAR";
    for (const CsvType& type : kCsvTypes) {
      const Column& answer = answers.columns[next++];
      if (found == "VARCHAR" && answer.valid[0] && answer.ints[0]) found = type.name;
    }
    column.declared = found;
    column.type = TypeOfCsv(found);
  }
  return {};
}

// What is wrong with the file, without the place in the query, which the user did not write, and
// without the hints to settings that cannot be set here.
std::unexpected<Error> FileError(const std::string& path, FileFormat format, Error error) {
  std::string& text = error.message;
  for (const std::string_view before : {": ", "Error: "}) {  // "line 1, column 15: IO Error: "
    const size_t at = text.find(before);
    const bool place = before == "Error: " || text.starts_with("line ");
    if (place && at != std::string::npos) text.erase(0, at + before.size());
  }
  if (text.starts_with("Error when sniffing file")) {
    text = "no CSV: want a header, commas, closed double quotes, and as many fields in each row";
  }
  for (const std::string_view hint : {"; Possible", "Possible Solution", "Possible fixes"}) {
    if (const size_t at = text.find(hint); at != std::string::npos) text.erase(at);
  }
  const bool csv_line = format == FileFormat::kCsv && text.starts_with("CSV Error on Line: ");
  if (csv_line) text = "line " + text.substr(std::string_view("CSV Error on Line: ").size());
  if (csv_line || text.find(path) == std::string::npos) text.insert(0, path + ": ");
  return std::unexpected(std::move(error));
}

// DuckDB takes a file of no bytes as one column without a name.
bool IsPattern(std::string_view path) { return path.find('*') != std::string_view::npos; }

Status CheckNotEmpty(const std::string& path) {
  if (IsPattern(path) || IsRemote(path)) return {};
  const auto file = os::Stat(path);
  if (file && file->kind == os::FileInfo::Kind::kFile && file->size == 0)
    return Invalid(path + " is empty: a CSV file begins with a header");
  return {};
}

}  // namespace

bool IsRemote(std::string_view path) {
  return path.starts_with("s3://") || path.starts_with("https://") || path.starts_with("http://");
}

Status CheckExists(const std::string& path) {
  if (IsPattern(path) || IsRemote(path) || os::Exists(path)) return {};
  return NotFound("no file '" + path + "'");
}

std::string FileScan::TypedAs(const std::vector<TypedColumn>& types) const {
  if (!is_csv) return raw;
  std::vector<std::string> casts;
  for (const ColumnInfo& column : columns) {
    std::string type = column.declared;
    for (const TypedColumn& other : types) {
      if (other.name == column.name) type = other.type;
    }
    const std::string name = QuoteName(column.name);
    casts.push_back(type == "VARCHAR" ? name : "CAST(" + name + " AS " + type + ") AS " + name);
  }
  return "(SELECT " + Join(casts, ", ") + " FROM " + raw + ")";
}

Result<FileScan> OpenFile(Engine& engine, const std::string& path) {
  const FileFormat format = TRY(FormatOf(path));
  FileScan scan;
  scan.is_csv = format == FileFormat::kCsv;
  scan.raw = ScanOf(path, format);
  if (scan.is_csv) TRY(CheckNotEmpty(path));
  if (IsRemote(path)) TRY(engine.AllowRemote());
  auto columns =
      engine.Describe({.text = "SELECT * FROM " + scan.raw, .parameters = {}, .limits = {}});
  if (!columns) return FileError(path, format, columns.error());
  scan.columns = *std::move(columns);
  if (scan.is_csv) {
    if (Status found = FindCsvTypes(engine, scan); !found) {
      return FileError(path, format, found.error());
    }
  }
  scan.typed = scan.TypedAs({});
  return scan;
}

}  // namespace tatara::sql
