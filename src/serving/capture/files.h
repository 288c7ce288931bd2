// The files of captured rows: HOME/capture/ENDPOINT/NUMBER.journal, and after its day has closed
// NUMBER.parquet (rows) and NUMBER.truth.parquet.
//
// A journal counts as converted when NUMBER.parquet is there; the truths are written before it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/time.h"
#include "sql/column.h"

namespace tatara::serving {

std::string JournalPath(const std::string& folder, int64_t number);

struct CaptureFiles {
  std::vector<int64_t> present;   // all journals, in order
  std::vector<int64_t> journals;  // those that are not converted
  std::vector<std::string> row_files, truth_files;
};
Result<CaptureFiles> ListJournals(const std::string& folder);

struct ConvertedJournal {
  int64_t rows = 0;
  int64_t first_time = 0, last_time = 0;  // microseconds since 1970
};
// Writes a journal's Parquet files.
Result<ConvertedJournal> ConvertJournal(const std::string& folder, int64_t number);

// All of an endpoint's captured rows, for SQL: what journals hold as tables, the rest as files.
struct CaptureSource {
  sql::Table rows, truths;  // of the journals; with __seq
  std::vector<std::string> row_files, truth_files;
};
Result<CaptureSource> ReadCaptureFolder(const std::string& folder);
// The SELECT over the files and the tables of those names. One row for each inference id.
std::string CaptureSql(const CaptureSource& source, const std::string& rows_table,
                       const std::string& truths_table);

// Serving::Window from the files.
Result<sql::Table> ReadWindow(const std::string& folder, Time from, Time to);

}  // namespace tatara::serving
