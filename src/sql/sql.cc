#include "sql/sql.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <condition_variable>
#include <mutex>

#include "base/strings.h"
#include "os/os.h"
#include "sql/driver.h"
#include "sql/message.h"
#include "sql/statement.h"

namespace tatara::sql {
namespace {

Result<std::unique_ptr<Driver>> LoadDriver(const std::vector<DriverSetting>& settings) {
  const std::string path = os::JoinPath(os::LibraryFolder(), "tatara_duckdb.so");
  const auto library = os::Library::Open(path);
  if (!library) {
    return Unavailable("the SQL engine cannot be loaded: " + library.error().message +
                       "; install tatara again, whole");
  }
  const auto open = library->Find<OpenDriver>(kOpenDriverName);
  if (open == nullptr) return Unavailable(path + " is of another version of tatara");
  const std::unique_ptr<Result<std::unique_ptr<Driver>>> driver(open(settings));
  return std::move(*driver);
}

std::vector<DriverSetting> SettingsOf(const EngineOptions& options) {
  std::vector<DriverSetting> settings = {
      {"autoinstall_known_extensions", "false"},
      {"autoload_known_extensions", "false"},
      {"threads", std::to_string(options.threads > 0 ? options.threads : os::CpuCount())},
      {"temp_directory", options.temporary_folder},
  };
  if (options.memory_bytes > 0) {
    settings.push_back({"memory_limit", std::to_string(options.memory_bytes) + "B"});
  }
  return settings;
}

std::string SecretOf(const os::Environment& environment) {
  const auto get = [&](const char* name) {
    const auto at = environment.find(name);
    return at == environment.end() ? std::string() : at->second;
  };
  std::string secret = "CREATE SECRET (TYPE s3";
  const auto add = [&](const char* key, std::string value) {
    if (!value.empty()) secret += std::string(", ") + key + " " + QuoteText(value);
  };
  add("KEY_ID", get("AWS_ACCESS_KEY_ID"));
  add("SECRET", get("AWS_SECRET_ACCESS_KEY"));
  add("SESSION_TOKEN", get("AWS_SESSION_TOKEN"));
  const std::string region = get("AWS_REGION");
  add("REGION", region.empty() ? get("AWS_DEFAULT_REGION") : region);
  std::string endpoint = get("AWS_ENDPOINT_URL_S3");
  if (endpoint.empty()) endpoint = get("AWS_ENDPOINT_URL");
  if (!endpoint.empty()) {
    const bool tls = endpoint.starts_with("https://");
    const size_t host = endpoint.find("://");
    add("ENDPOINT", host == std::string::npos ? endpoint : endpoint.substr(host + 3));
    add("URL_STYLE", "path");
    secret += std::string(", USE_SSL ") + (tls ? "true" : "false");
  }
  return secret + ")";
}

std::string ListOf(const std::vector<std::string>& values) {
  std::vector<std::string> quoted;
  for (const std::string& value : values) quoted.push_back(QuoteText(value));
  return "[" + Join(quoted, ", ") + "]";
}

// Under this name a file is written before it gets its own.
std::string TemporaryOf(const std::string& path) {
  return os::JoinPath(os::ParentOf(path),
                      "." + os::NameOf(path) + "." + std::to_string(os::ProcessId()) + ".part");
}

std::vector<std::string> SandboxStatements(const EngineOptions& options) {
  std::vector<std::string> files = options.files;
  for (const std::string& path : options.outputs) files.push_back(TemporaryOf(path));
  return {"SET allowed_directories=" + ListOf(options.folders),
          "SET allowed_paths=" + ListOf(files), "SET enable_external_access=false",
          "SET lock_configuration=true"};
}

// Interrupts the driver when its time is over. A thread of its own, since the driver's caller
// waits.
class Deadline {
 public:
  Deadline(Driver& driver, Duration timeout) {
    if (timeout.count() <= 0) return;
    thread_ = os::Thread("sql-deadline", [this, &driver, timeout] {
      std::unique_lock lock(mutex_);
      if (wake_.wait_for(lock, timeout, [this] { return done_; })) return;
      passed_ = true;
      driver.Interrupt();
    });
  }
  ~Deadline() { Finish(); }
  // Ends the watch; says whether the time was over.
  bool Finish() {
    {
      const std::lock_guard lock(mutex_);
      done_ = true;
    }
    wake_.notify_all();
    thread_.Join();
    return passed_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable wake_;
  bool done_ = false;
  std::atomic<bool> passed_ = false;
  os::Thread thread_;
};

Error TooManyRows(int64_t rows_max) {
  return {Code::kExhausted, "the result has more than " + std::to_string(rows_max) +
                                " rows: the row limit; raise it, or write to a file"};
}

std::string CopyOptions(FileFormat format, bool dictionaries) {
  if (format == FileFormat::kCsv) return "(FORMAT csv, HEADER true)";
  return std::string("(FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 122880") +
         (dictionaries ? ")" : ", DICTIONARY_SIZE_LIMIT 0)");
}

// DuckDB's dictionaries take -0.0 and 0.0 for one value and write the first of them for both.
bool HasNegativeZero(std::span<const OutputColumn> columns) {
  return std::ranges::any_of(columns, [](const OutputColumn& column) {
    if (column.rows->columns()[column.column].type != Type::kDouble) return false;
    const auto values = column.rows->Read(column.column).doubles;
    return std::ranges::any_of(values, [](double x) { return x == 0 && std::signbit(x); });
  });
}

// What gives rows and is no query by itself.
bool IsShown(std::string_view text) {
  const std::string_view word = text.substr(0, text.find_first_of(" \t\r\n"));
  return EqualsIgnoreCase(word, "describe") || EqualsIgnoreCase(word, "show") ||
         EqualsIgnoreCase(word, "summarize");
}

// EXPLAIN is harmless, EXPLAIN ANALYZE runs what follows: that must only read.
std::optional<std::string> AfterExplain(std::string_view text) {
  const auto take_word = [&](std::string_view word) {
    text = Trim(text);
    if (text.size() <= word.size() || !EqualsIgnoreCase(text.substr(0, word.size()), word)) {
      return false;
    }
    text.remove_prefix(word.size());
    return true;
  };
  if (!take_word("explain")) return std::nullopt;
  take_word("analyze");
  text = Trim(text);
  if (text.starts_with('(')) {
    const size_t end = text.find(')');
    if (end == std::string_view::npos) return std::nullopt;
    text.remove_prefix(end + 1);
  }
  return std::string(text);
}

}  // namespace

Engine::Engine(std::unique_ptr<Driver> driver, int64_t memory_bytes)
    : driver_(std::move(driver)), memory_bytes_(memory_bytes) {}
Engine::~Engine() = default;

Result<std::unique_ptr<Engine>> Engine::Open(const EngineOptions& options) {
  auto driver = TRY(LoadDriver(SettingsOf(options)));
  auto engine = std::unique_ptr<Engine>(new Engine(std::move(driver), options.memory_bytes));
  for (const char* statement : {"SET TimeZone='UTC'", "SET enable_progress_bar=true",
                                "SET enable_progress_bar_print=false"}) {
    TRY(engine->Execute(statement));
  }
  // In this order: extensions load only while access is open, and nothing changes once locked.
  if (options.remote) TRY(engine->AllowRemote());
  if (options.sandbox) {
    for (const std::string& statement : SandboxStatements(options)) {
      TRY(engine->Execute(statement));
    }
  }
  return engine;
}

Status Engine::AllowRemote() {
  if (remote_) return {};
  const std::string extension = os::JoinPath(os::LibraryFolder(), "httpfs.duckdb_extension");
  TRY(Execute("LOAD " + QuoteText(extension)));
  TRY(Execute(SecretOf(os::CurrentEnvironment())));
  remote_ = true;
  return {};
}

// Runs one call of the driver under the query's deadline and gives its error our words.
template <class Work>
auto Engine::Run(const Query& query, Work work) -> decltype(work()) {
  Deadline deadline(*driver_, query.limits.timeout);
  auto answer = work();
  const bool passed = deadline.Finish();
  if (answer || answer.error().code != Code::kInternal) return answer;
  Error error = ErrorOfMessage(answer.error().message, query.text);
  if (error.code == Code::kCancelled && passed) {
    return Exhausted("the query took longer than its time limit of " +
                     FormatDuration(query.limits.timeout));
  }
  if (error.code == Code::kCancelled) return Cancelled("the query was interrupted");
  if (error.code == Code::kExhausted && memory_bytes_ > 0 &&
      answer.error().message.starts_with("Out of Memory")) {
    return Exhausted("the query needs more than its memory limit of " +
                     std::to_string(memory_bytes_) + " bytes");
  }
  return std::unexpected(std::move(error));
}

Status Engine::Execute(const std::string& sql) {
  return Run({.text = sql, .parameters = {}, .limits = {}}, [&] { return driver_->Execute(sql); });
}

Result<std::vector<ColumnInfo>> Engine::Describe(const Query& query) {
  return Run(query, [&] { return driver_->Describe(query); });
}

Status Engine::CheckReadOnly(const Query& query) {
  constexpr std::string_view kOnlyReads =
      "only statements that read are allowed: SELECT, FROM, VALUES, WITH, DESCRIBE, SUMMARIZE, "
      "SHOW, EXPLAIN";
  const auto kind = Run(query, [&] { return driver_->Classify(query.text); });
  if (!kind) {
    // IMPORT DATABASE reads its statements while it is parsed, and fails there on most of them.
    const bool imports = Lower(query.text).find("import") != std::string::npos;
    if (imports && kind.error().code == Code::kInternal) return Denied(std::string(kOnlyReads));
    return std::unexpected(kind.error());
  }
  switch (*kind) {
    case StatementKind::kReads:
      return {};
    case StatementKind::kSeveral:
      return Invalid("one statement at a time");
    case StatementKind::kChanges:
      break;
    case StatementKind::kExplains: {
      const auto rest = AfterExplain(query.text);
      if (!rest) break;
      return CheckReadOnly({.text = *rest, .parameters = {}, .limits = {}});
    }
  }
  return Denied(std::string(kOnlyReads));
}

Status Engine::CheckSyntax(const Query& query) {
  const auto kind = driver_->Classify(query.text);
  if (kind && *kind == StatementKind::kSeveral) return Invalid("one statement at a time");
  if (kind) return {};
  if (kind.error().code != Code::kInternal) return std::unexpected(kind.error());
  // What parses is looked up as well, and fails on names that exist elsewhere: no fault of form.
  if (!kind.error().message.starts_with("Parser Error: ")) return {};
  return std::unexpected(ErrorOfMessage(kind.error().message, query.text));
}

Status Engine::Stream(const Query& query, const std::function<Status(const Table&)>& take) {
  return Run(query, [&]() -> Status {
    const auto cursor = TRY(driver_->Open(query));
    Table chunk;
    int64_t rows = 0;
    bool more = TRY(cursor->Next(chunk));
    TRY(take(chunk));  // also of an empty result: its columns
    while (more) {
      rows += static_cast<int64_t>(chunk.rows());
      if (query.limits.rows_max > 0 && rows > query.limits.rows_max) {
        return std::unexpected(TooManyRows(query.limits.rows_max));
      }
      more = TRY(cursor->Next(chunk));
      if (more) TRY(take(chunk));
    }
    return {};
  });
}

namespace {

template <class T>
void AppendAll(std::vector<T>& to, const std::vector<T>& from) {
  to.insert(to.end(), from.begin(), from.end());
}

}  // namespace

Result<Table> Engine::Read(const Query& query) {
  Table out;
  TRY(Stream(query, [&](const Table& chunk) -> Status {
    if (out.columns.empty()) {
      out = chunk;
      return {};
    }
    for (size_t c = 0; c < chunk.columns.size(); ++c) {
      AppendAll(out.columns[c].valid, chunk.columns[c].valid);
      AppendAll(out.columns[c].ints, chunk.columns[c].ints);
      AppendAll(out.columns[c].doubles, chunk.columns[c].doubles);
      AppendAll(out.columns[c].texts, chunk.columns[c].texts);
    }
    return {};
  }));
  return out;
}

Result<std::unique_ptr<RowSet>> Engine::Fetch(const Query& query, std::span<const uint8_t> wanted) {
  return Run(query, [&] { return driver_->Fetch(query, wanted); });
}

Result<int64_t> Engine::WriteThrough(
    const std::string& path, const std::function<Result<int64_t>(const std::string&)>& copy) {
  const std::string folder = os::ParentOf(path);
  if (!os::Exists(folder)) return NotFound("there is no folder '" + folder + "' for " + path);
  const std::string temporary = TemporaryOf(path);
  const auto finish = [&]() -> Result<int64_t> {
    const int64_t rows = TRY(copy(temporary));
    {
      os::File file = TRY(os::File::OpenRead(temporary));
      TRY(file.Sync());
    }
    TRY(os::Rename(temporary, path));
    TRY(os::SyncFolder(folder));
    return rows;
  };
  auto rows = finish();
  if (!rows) (void)os::RemoveFile(temporary);
  return rows;
}

Result<int64_t> Engine::Write(const Query& query, const std::string& path) {
  const FileFormat format = TRY(FormatOf(path));
  return WriteThrough(path, [&](const std::string& temporary) -> Result<int64_t> {
    // The query's errors are found on its own text, where lines and columns are the user's.
    (void)TRY(Describe(query));
    Query copy = query;
    std::string rows(StatementBody(query.text));
    if (IsShown(rows)) rows = "FROM (\n" + rows + "\n)";
    copy.text =
        "COPY (\n" + rows + "\n) TO " + QuoteText(temporary) + " " + CopyOptions(format, true);
    return Run(copy, [&] { return driver_->Count(copy); });
  });
}

Result<int64_t> Engine::Write(std::span<const OutputColumn> columns, const std::string& path) {
  const FileFormat format = TRY(FormatOf(path));
  const std::string options = CopyOptions(format, !HasNegativeZero(columns));
  return WriteThrough(path, [&](const std::string& temporary) {
    const std::string copy =
        "COPY (SELECT * FROM tatara_output()) TO " + QuoteText(temporary) + " " + options;
    return Run({.text = copy, .parameters = {}, .limits = {}},
               [&] { return driver_->Write(columns, copy); });
  });
}

Status Engine::CreateTable(const std::string& name, const Table& table) {
  return Run({.text = name, .parameters = {}, .limits = {}},
             [&] { return driver_->CreateTable(name, table); });
}

void Engine::Interrupt() { driver_->Interrupt(); }
std::optional<double> Engine::Progress() { return driver_->Progress(); }

Result<FileFormat> FormatOf(std::string_view path) {
  const std::string lower = Lower(path);
  if (lower.ends_with(".parquet") || lower.ends_with(".pq")) return FileFormat::kParquet;
  if (lower.ends_with(".csv")) return FileFormat::kCsv;
  return Invalid("'" + std::string(path) + "' must end in .parquet or .csv");
}

}  // namespace tatara::sql
