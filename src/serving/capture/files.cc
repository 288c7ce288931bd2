#include "serving/capture/files.h"

#include <algorithm>

#include "base/strings.h"
#include "os/files.h"
#include "serving/capture/rows.h"
#include "serving/capture/view.h"
#include "sql/sql.h"

namespace tatara::serving {
namespace {

constexpr std::string_view kJournal = ".journal";
constexpr std::string_view kRows = ".parquet";
constexpr std::string_view kTruths = ".truth.parquet";

std::string NumberedPath(const std::string& folder, int64_t number, std::string_view ending) {
  std::string digits = std::to_string(number);
  if (digits.size() < 8) digits.insert(0, 8 - digits.size(), '0');
  return os::JoinPath(folder, digits + std::string(ending));
}

// The truths of journals, with their order.
struct Truths {
  std::vector<int64_t> sequences;
  std::vector<std::string> ids, values;

  void Add(const TruthView& truth) {
    sequences.push_back(truth.sequence);
    ids.emplace_back(truth.id);
    values.emplace_back(truth.value);
  }

  sql::Table Take() {
    sql::Table table;
    table.columns.resize(3);
    sql::Column &sequence = table.columns[0], &id = table.columns[1], &value = table.columns[2];
    sequence.name = "__seq";
    sequence.type = sql::Type::kInt;
    sequence.ints = std::move(sequences);
    id.name = "inference_id";
    id.type = sql::Type::kText;
    id.texts = std::move(ids);
    value.name = "truth";
    value.type = sql::Type::kDouble;
    for (const std::string& text : values) {
      double number = 0;
      if (!ParseDouble(text, number)) value.type = sql::Type::kText;
      value.doubles.push_back(number);
    }
    if (value.type == sql::Type::kText) {
      value.doubles.clear();
      value.texts = std::move(values);
    }
    for (sql::Column& column : table.columns) column.valid.assign(sequence.ints.size(), 1);
    return table;
  }
};

struct Journals {
  RowStore rows{SIZE_MAX, SIZE_MAX};
  Truths truths;

  Status Read(const std::string& path) {
    const std::string bytes = TRY(os::ReadFile(path));
    ReadJournal(bytes, {.row = [&](const Layout& l, const RowView& row) { rows.Add(l, row); },
                        .truth = [&](const TruthView& truth) { truths.Add(truth); }});
    return {};
  }
};

// The rows stand in the order of their sequences, and the engine keeps it.
Status WriteTable(sql::Engine& engine, const sql::Table& table, const std::string& path) {
  TRY(engine.CreateTable("captured", table));
  (void)TRY(engine.Write({"SELECT * FROM captured", {}, {}}, path));
  return {};
}

std::string FileList(const std::vector<std::string>& files) {
  std::string out = "read_parquet([";
  for (size_t i = 0; i < files.size(); ++i) {
    if (i > 0) out += ", ";
    out += sql::QuoteText(files[i]);
  }
  return out + "], union_by_name = true)";
}

std::string Union(const std::vector<std::string>& files, const std::string& table) {
  const std::string open = "SELECT * FROM " + sql::QuoteName(table);
  return files.empty() ? open : "SELECT * FROM " + FileList(files) + " UNION ALL BY NAME " + open;
}

}  // namespace

std::string JournalPath(const std::string& folder, int64_t number) {
  return NumberedPath(folder, number, kJournal);
}

Result<CaptureFiles> ListJournals(const std::string& folder) {
  CaptureFiles files;
  if (!os::Exists(folder)) return files;
  std::vector<int64_t> converted;
  for (const std::string& name : TRY(os::ListFolder(folder))) {
    int64_t number = 0;
    if (!ParseInt(name.substr(0, name.find('.')), number)) continue;
    const std::string_view ending = std::string_view(name).substr(name.find('.'));
    if (ending == kJournal) files.present.push_back(number);
    if (ending == kTruths) files.truth_files.push_back(os::JoinPath(folder, name));
    if (ending != kRows) continue;
    converted.push_back(number);
    files.row_files.push_back(os::JoinPath(folder, name));
  }
  files.journals = files.present;
  std::erase_if(files.journals, [&](int64_t number) {
    return std::ranges::find(converted, number) != converted.end();
  });
  return files;
}

Result<ConvertedJournal> ConvertJournal(const std::string& folder, int64_t number) {
  sql::Table rows, truths;
  {
    Journals journals;
    TRY(journals.Read(JournalPath(folder, number)));
    rows = journals.rows.Window(INT64_MIN, INT64_MAX, true);
    truths = journals.truths.Take();
  }
  auto engine = TRY(sql::Engine::Open({.threads = 1}));
  if (truths.rows() > 0) TRY(WriteTable(*engine, truths, NumberedPath(folder, number, kTruths)));
  TRY(WriteTable(*engine, rows, NumberedPath(folder, number, kRows)));
  ConvertedJournal converted{.rows = static_cast<int64_t>(rows.rows())};
  if (const auto& times = rows.Find("event_time")->ints; !times.empty()) {
    converted.first_time = *std::ranges::min_element(times);
    converted.last_time = *std::ranges::max_element(times);
  }
  return converted;
}

Result<CaptureSource> ReadCaptureFolder(const std::string& folder) {
  // A journal that goes while we read has become Parquet: look again.
  for (int attempt = 0;; ++attempt) {
    CaptureFiles files = TRY(ListJournals(folder));
    Journals journals;
    Status read;
    for (const int64_t number : files.journals) {
      read = journals.Read(JournalPath(folder, number));
      if (!read) break;
    }
    if (!read && read.error().code == Code::kNotFound && attempt < 10) continue;
    TRY(std::move(read));
    return CaptureSource{journals.rows.Window(INT64_MIN, INT64_MAX, true), journals.truths.Take(),
                         std::move(files.row_files), std::move(files.truth_files)};
  }
}

std::string CaptureSql(const CaptureSource& source, const std::string& rows_table,
                       const std::string& truths_table) {
  return "SELECT r.* EXCLUDE (__seq), t.truth FROM (SELECT * FROM (" +
         Union(source.row_files, rows_table) +
         ") QUALIFY row_number() OVER (PARTITION BY inference_id ORDER BY __seq) = 1) r "
         "LEFT JOIN (SELECT inference_id, arg_min(truth, __seq) AS truth FROM (" +
         Union(source.truth_files, truths_table) +
         ") GROUP BY inference_id) t ON r.inference_id = t.inference_id ORDER BY r.__seq";
}

Result<sql::Table> ReadWindow(const std::string& folder, Time from, Time to) {
  const CaptureSource source = TRY(ReadCaptureFolder(folder));
  auto engine = TRY(sql::Engine::Open({.threads = 1}));
  TRY(engine->CreateTable("open_rows", source.rows));
  TRY(engine->CreateTable("open_truths", source.truths));
  return engine->Read({"SELECT * FROM (" + CaptureSql(source, "open_rows", "open_truths") +
                           ") WHERE event_time >= $from AND event_time < $to",
                       {{"from", from}, {"to", to}},
                       {}});
}

Status AddCaptureViews(const std::string& home, sql::SqlCommand& command) {
  const std::string root = os::JoinPath(home, "capture");
  if (!os::Exists(root)) return {};
  for (const std::string& endpoint : TRY(os::ListFolder(root))) {
    const std::string view = "capture_" + endpoint;
    if (Lower(command.query).find(Lower(view)) == std::string::npos) continue;
    CaptureSource source = TRY(ReadCaptureFolder(os::JoinPath(root, endpoint)));
    const std::string rows = view + "__rows", truths = view + "__truths";
    command.views.push_back({view, CaptureSql(source, rows, truths)});
    command.tables.push_back({rows, std::move(source.rows)});
    command.tables.push_back({truths, std::move(source.truths)});
    command.view_folders.push_back(os::JoinPath(root, endpoint));
  }
  return {};
}

std::optional<Time> LastEventTime(const std::string& home) {
  const std::string root = os::JoinPath(home, "capture");
  const auto endpoints = os::ListFolder(root);
  if (!endpoints) return std::nullopt;
  std::optional<Time> last;
  const auto note = [&](int64_t time) {
    last = std::max(last.value_or(Time::min()), FromMicros(time));
  };
  for (const std::string& endpoint : *endpoints) {
    const std::string folder = os::JoinPath(root, endpoint);
    const auto files = ListJournals(folder);
    if (!files) continue;
    for (const int64_t number : files->journals) {
      const auto bytes = os::ReadFile(JournalPath(folder, number));
      if (!bytes) continue;
      ReadJournal(*bytes, {.row = [&](const Layout&, const RowView& row) { note(row.time); },
                           .truth = [&](const TruthView& truth) { note(truth.time); }});
    }
  }
  return last;
}

}  // namespace tatara::serving
