// drift, features build and sql: the tools that read files.
#include <atomic>
#include <cstdio>
#include <mutex>

#include "base/strings.h"
#include "cli/commands/commands.h"
#include "cli/home_tables.h"
#include "cli/session.h"
#include "features/features.h"
#include "os/os.h"
#include "sql/sql.h"
#include "stats/stats.h"

namespace tatara::cli {
namespace {

constexpr std::string_view kSection = "Tools that work alone";
constexpr size_t kColumnsShown = 20;
constexpr int64_t kRowsShown = 100;

std::vector<std::string> Names(const std::optional<std::string>& list) {
  std::vector<std::string> out;
  if (!list) return out;
  for (std::string& name : Split(*list, ',')) {
    if (!name.empty()) out.push_back(std::move(name));
  }
  return out;
}

Result<std::vector<stats::DriftColumn>> ReadDriftColumns(const std::string& path) {
  TRY(sql::CheckExists(path));
  auto engine = TRY(sql::Engine::Open());
  const sql::FileScan scan = TRY(sql::OpenFile(*engine, path));
  const sql::Table table = TRY(engine->Read({.text = "SELECT * FROM " + scan.typed}));
  std::vector<stats::DriftColumn> out;
  for (const sql::Column& column : table.columns) {
    stats::DriftColumn one;
    one.name = column.name;
    one.rows = static_cast<int64_t>(column.rows());
    const auto texts = [&] {
      one.present = column.valid;
      for (size_t row = 0; row < column.rows(); ++row) {
        one.texts.push_back(column.valid[row] != 0 ? sql::CellText(column, row) : "");
      }
    };
    switch (column.type) {
      case sql::Type::kInt:
        one.type = stats::DriftColumn::Type::kInteger;
        one.numbers = column.Numbers();
        texts();
        break;
      case sql::Type::kDouble:
      case sql::Type::kDecimal: {
        const bool whole = column.declared.ends_with("INT");  // too wide for 64 bits with a sign
        one.type = whole ? stats::DriftColumn::Type::kInteger : stats::DriftColumn::Type::kFloat;
        one.numbers = column.Numbers();
        if (whole) texts();
        break;
      }
      case sql::Type::kText:
        one.type = stats::DriftColumn::Type::kText;
        texts();
        break;
      case sql::Type::kBool:
        one.type = stats::DriftColumn::Type::kBool;
        texts();
        break;
      default:
        break;
    }
    bool any = false;
    for (const uint8_t valid : column.valid) any = any || valid != 0;
    one.untyped = scan.is_csv && !any;
    out.push_back(std::move(one));
  }
  return out;
}

std::string Figure(const std::optional<double>& value) {
  if (!value) return "-";
  char buffer[40];
  std::snprintf(buffer, sizeof buffer, "%.4g", *value);
  return buffer;
}

void PrintDrift(Output& out, const stats::DriftReport& report) {
  std::vector<std::vector<std::string>> rows;
  for (const auto& [name, distance] : report.features) {
    if (const auto* numeric = std::get_if<stats::NumericDistance>(&distance)) {
      rows.push_back({name, "numeric", Figure(numeric->psi), Figure(numeric->js_distance),
                      Figure(numeric->ks_statistic), Figure(numeric->ks_pvalue),
                      Figure(numeric->wasserstein_norm), Figure(numeric->null_rate_difference)});
    } else {
      const auto& categorical = std::get<stats::CategoricalDistance>(distance);
      rows.push_back({name, "categorical", Figure(categorical.psi), Figure(categorical.js_distance),
                      Figure(categorical.l_infinity), Figure(categorical.chi_square_pvalue), "-",
                      Figure(categorical.null_rate_difference)});
    }
  }
  out.Table({"feature", "kind", "psi", "js", "ks / l-inf", "p", "wasserstein/sd", "missing +-"},
            rows, "no column that both files have");
  for (const auto& [label, names] :
       {std::pair("only in the baseline", &report.only_in_baseline),
        std::pair("only in the current file", &report.only_in_current),
        std::pair("type changed", &report.type_changed), std::pair("skipped", &report.skipped)}) {
    if (!names->empty()) out.Line(std::string(label) + ": " + Join(*names, ", "));
  }
}

Result<int> RunDrift(Context& context) {
  const Arguments& arguments = context.arguments;
  auto baseline = TRY(ReadDriftColumns(arguments.positional[0]));
  auto current = TRY(ReadDriftColumns(arguments.positional[1]));
  const auto report =
      TRY(stats::CompareTables(std::move(baseline), std::move(current),
                               {.columns = Names(arguments.Get("--columns")),
                                .categorical = Names(arguments.Get("--categorical"))}));
  if (context.globals.json)
    context.out.PrintJson(stats::ToJson(report));
  else
    PrintDrift(context.out, report);
  return 0;
}

// The `features:` section of ./tatara.yaml; nothing when there is no such file.
Result<std::optional<features::FeatureConfig>> ReadFeatureConfig() {
  auto text = os::ReadFile("tatara.yaml", 16 << 20);
  if (!text && text.error().code == Code::kNotFound) return std::nullopt;
  auto yaml = ParseYaml(TRY(std::move(text)));
  if (!yaml) return std::unexpected(Prefixed("tatara.yaml", yaml.error()));
  const Yaml* node = yaml->Find("features");
  if (node == nullptr) return features::FeatureConfig{};
  auto config = features::ParseFeatures(*node);
  if (!config) return std::unexpected(Prefixed("tatara.yaml", config.error()));
  return *std::move(config);
}

Result<int> RunFeaturesBuild(Context& context) {
  const Arguments& arguments = context.arguments;
  const auto config = TRY(ReadFeatureConfig());
  if (!config)
    return NotFound("no tatara.yaml in this folder: its section features: says what to build");
  features::BuildOptions options;
  auto spine = arguments.Get("--spine"), output = arguments.Get("--output");
  if (!spine) return Invalid("--spine FILE is missing");
  if (!output) return Invalid("-o FILE is missing");
  options.spine = *spine;
  options.output = *output;
  options.time_column = arguments.GetOr("--time", options.time_column);
  options.full_names = arguments.Has("--full-names");
  const auto report = TRY(features::Build(*config, arguments.positional[0], options));
  Json::Array views;
  for (const auto& [view, matched] : report.views) {
    views.push_back(Json::Of({{"view", view}, {"matched", matched}}));
    if (!context.globals.json) {
      context.out.Note(view + ": " + std::to_string(matched) + " of " +
                       std::to_string(report.rows) + " rows matched");
    }
  }
  if (context.globals.json) {
    context.out.PrintJson(Json::Of({{"rows", report.rows}, {"views", std::move(views)}}));
  } else {
    context.out.Note(std::to_string(report.rows) + " rows in " + options.output);
  }
  return 0;
}

Result<int> RefuseOnline(Context& context) {
  (void)context;
  return Unsupported(
      "the online table is not in this version; `tatara features build` makes "
      "training tables");
}

// Interrupts the running query on Ctrl-C, from a thread of its own.
class CtrlC {
 public:
  CtrlC()
      : thread_("ctrl-c", [this] {
          while (!done_) {
            if (signals_.WaitFor(std::chrono::milliseconds(50)) == 0) continue;
            std::lock_guard lock(mutex_);
            pressed_ = true;
            if (engine_ != nullptr) engine_->Interrupt();
          }
        }) {}
  ~CtrlC() {
    done_ = true;
    thread_.Join();
  }
  void Watch(sql::Engine* engine) {
    std::lock_guard lock(mutex_);
    engine_ = engine;
    if (pressed_ && engine_ != nullptr) engine_->Interrupt();
  }

 private:
  os::SignalWatcher signals_;
  std::mutex mutex_;
  sql::Engine* engine_ = nullptr;
  bool pressed_ = false;
  std::atomic<bool> done_ = false;
  os::Thread thread_;
};

void PrintRows(Output& out, const sql::SqlResult& result) {
  std::vector<std::string> header;
  const size_t shown = std::min(result.table.columns.size(), kColumnsShown);
  for (size_t c = 0; c < shown; ++c) header.push_back(result.table.columns[c].name);
  std::vector<std::vector<std::string>> rows(result.table.rows());
  for (size_t row = 0; row < rows.size(); ++row) {
    for (size_t c = 0; c < shown; ++c) {
      rows[row].push_back(sql::CellText(result.table.columns[c], row));
    }
  }
  out.Table(header, rows, "no rows");
  std::string count = std::to_string(result.rows) + (result.rows == 1 ? " row" : " rows");
  if (static_cast<int64_t>(rows.size()) < result.rows) {
    count += ", " + std::to_string(rows.size()) + " shown";
  }
  if (shown < result.table.columns.size()) {
    count += "; " + std::to_string(shown) + " of " + std::to_string(result.table.columns.size()) +
             " columns shown";
  }
  out.Line(out.Styled(Style::kDim, count));
}

Result<sql::SqlCommand> SqlCommandOf(const Context& context) {
  const Arguments& arguments = context.arguments;
  sql::SqlCommand command;
  if (auto file = arguments.Get("--file")) {
    if (!arguments.positional.empty()) return Invalid("give QUERY or --file, not both");
    command.query = TRY(os::ReadFile(*file, 16 << 20));
  } else if (arguments.positional.empty()) {
    return Invalid("what shall be asked? usage: tatara sql QUERY, or --file Q.sql");
  } else {
    command.query = arguments.positional[0];
  }
  for (const std::string& pair : arguments.All("--param")) {
    const size_t equals = pair.find('=');
    if (equals == std::string::npos || equals == 0) {
      return Invalid("--param wants NAME=VALUE, not '" + pair + "'");
    }
    command.parameters.emplace_back(pair.substr(0, equals), pair.substr(equals + 1));
  }
  if (const auto config = TRY(ReadFeatureConfig())) {
    for (const auto& source : config->sources) {
      command.sources.push_back({source.name, source.path});
    }
  }
  command.output = arguments.GetOr("--output", "");
  if (arguments.Has("--output") && command.output.empty()) return Invalid("-o wants a FILE");
  const auto rows = TRY(arguments.Int("--max-rows"));
  if (rows && *rows <= 0) return Invalid("--max-rows must be above 0");
  command.rows_max = rows.value_or(0);
  if (command.output.empty() && !context.globals.json && !rows) command.rows_kept = kRowsShown;
  if (auto memory = arguments.Get("--memory")) command.memory_bytes = TRY(ParseBytes(*memory));
  if (auto timeout = arguments.Get("--timeout")) command.timeout = TRY(ParseDuration(*timeout));
  return command;
}

Result<int> RunSql(Context& context) {
  CtrlC ctrl_c;  // before the engine's threads
  sql::SqlCommand command = TRY(SqlCommandOf(context));
  TRY(AddHomeTables(context.globals, command));
  command.watch = [&](sql::Engine* engine) { ctrl_c.Watch(engine); };
  const sql::SqlResult result = TRY(sql::RunSqlCommand(command));
  if (!command.output.empty()) {
    if (context.globals.json) {
      context.out.PrintJson(Json::Of({{"rows", result.rows}, {"output", command.output}}));
    } else {
      context.out.Note(std::to_string(result.rows) + " rows in " + command.output);
    }
  } else if (context.globals.json) {
    context.out.Line(sql::SqlJson(result));
  } else {
    PrintRows(context.out, result);
  }
  return 0;
}

}  // namespace

std::vector<Command> DataTools() {
  const std::string section(kSection);
  return {
      {.name = "drift",
       .usage = "BASELINE CURRENT",
       .summary = "how far each column of a file lies from a baseline",
       .section = section,
       .options = {{"--columns", "A,B", "only these"},
                   {"--categorical", "C,D", "take these integers as categories"}},
       .examples = "  tatara drift training.parquet today.parquet --json\n",
       .positional_min = 2,
       .positional_max = 2,
       .run = RunDrift},
      {.name = "features build",
       .usage = "SERVICE --spine FILE -o FILE",
       .summary = "join features to the rows of a file, as they were known at each row's time",
       .section = section,
       .options = {{"--spine", "FILE", "the rows: keys and a time (Parquet or CSV)"},
                   {"--output", "FILE", "where the table goes (Parquet or CSV)", "-o"},
                   {"--time", "COL", "the spine's time (default event_timestamp)"},
                   {"--full-names", "", "name the columns view__column"}},
       .details = "Reads features: of ./tatara.yaml; no server and no apply are needed.",
       .examples = "  tatara features build delay_v1 --spine spine.parquet --time cutoff -o "
                   "train.parquet\n",
       .positional_min = 1,
       .positional_max = 1,
       .run = RunFeaturesBuild},
      {.name = "features materialize",
       .usage = "...",
       .summary = "not in this version",
       .section = section,
       .positional_max = kAnyNumber,
       .run = RefuseOnline},
      {.name = "features get",
       .usage = "...",
       .summary = "not in this version",
       .section = section,
       .positional_max = kAnyNumber,
       .run = RefuseOnline},
      {.name = "sql",
       .usage = "QUERY | --file Q.sql",
       .summary = "DuckDB's SQL over the project's sources, files, and what the home holds",
       .section = section,
       .options = {{"--file", "Q.sql", "the query stands there"},
                   {"--param", "NAME=VALUE", "for $name in the query; repeatable"},
                   {"--output", "FILE", "write Parquet or CSV instead of a table", "-o"},
                   {"--max-rows", "N", "more rows end the query with exit 7"},
                   {"--memory", "2Gi", "more memory ends the query with exit 7"},
                   {"--timeout", "60s", "more time ends the query with exit 7"}},
       .details =
           "Tables: the sources of ./tatara.yaml by name, files below this folder by path, and\n"
           "where a home is there capture_ENDPOINT, runs, metrics and events.",
       .examples = "  tatara sql \"SELECT origin, avg(temp) FROM weather GROUP BY 1\"\n"
                   "  tatara sql --file q.sql --param day=2013-05-06 -o day.parquet\n",
       .positional_max = 1,
       .run = RunSql},
  };
}

}  // namespace tatara::cli
