#include "monitor/monitor.h"

#include <algorithm>

#include "base/log.h"
#include "base/strings.h"
#include "evaluation/evaluation.h"
#include "events/events.h"
#include "os/os.h"
#include "registry/registry.h"
#include "telemetry/telemetry.h"

namespace tatara::monitor {
namespace {

TimeZone ZoneOf(const MonitorSpec& spec) {
  return TimeZone::Find(spec.timezone).value_or(TimeZone());
}

Json WindowJson(const Window& window) {
  return Json::Of({{"start", FormatTime(window.start)}, {"end", FormatTime(window.end)}});
}

// The version that answered last in the window, or empty.
std::string LastVersion(const sql::Table& rows) {
  const sql::Column* column = rows.Find("model_version");
  if (column == nullptr) return {};
  for (size_t row = column->rows(); row-- > 0;) {
    if (column->valid[row] != 0) return sql::CellText(*column, row);
  }
  return {};
}

MonitorStatus StatusOf(const db::Row& row) {
  MonitorStatus status;
  if (auto json = ParseJson(row.View(0))) {
    status.spec = FromJson(*json).value_or(MonitorSpec());
  }
  status.project = row.Text(1);
  status.next_start = row.At(2);
  return status;
}

}  // namespace

// What a task found.
struct Monitor::Outcome {
  Task task;
  std::optional<Error> error;
  std::string version;
  int64_t rows = 0;
  Judgement judgement;
  Quality quality;
};

Json ToJson(const MonitorStatus& status) {
  Json json = ToJson(status.spec);
  json.Set("project", status.project);
  json.Set("next_window", FormatTime(status.next_start));
  return json;
}

Monitor::Monitor(db::Database& database, serving::Serving& serving, artifacts::Store& artifacts,
                 os::WorkPool& pool, std::function<void()> wake)
    : database_(database),
      serving_(serving),
      artifacts_(artifacts),
      pool_(pool),
      wake_(std::move(wake)) {}

Monitor::~Monitor() = default;

Status Monitor::Set(db::Tx& tx, const std::string& project, const std::vector<MonitorSpec>& specs,
                    Time now) {
  std::vector<std::string> names;
  for (const MonitorSpec& spec : specs) {
    names.push_back(spec.name);
    auto owner = TRY(tx.One("SELECT project FROM monitors WHERE name = ?", {spec.name},
                            [](const db::Row& row) { return row.Text(0); }));
    if (owner && *owner != project) {
      return Conflict("monitor '" + spec.name + "' belongs to project '" + *owner + "'");
    }
    const Time start = WindowAt(now, spec.every, ZoneOf(spec)).start;
    TRY(
        tx.Exec("INSERT INTO monitors (name, project, endpoint, spec, next_start) "
                "VALUES (?, ?, ?, ?, ?) ON CONFLICT (name) DO UPDATE SET "
                "endpoint = excluded.endpoint, spec = excluded.spec",
                {spec.name, project, spec.endpoint, ToJson(spec).Dump(), start}));
  }
  const auto present = TRY(tx.All("SELECT name FROM monitors WHERE project = ?", {project},
                                  [](const db::Row& row) { return row.Text(0); }));
  for (const std::string& name : present) {
    if (std::ranges::find(names, name) != names.end()) continue;
    TRY(tx.Exec("DELETE FROM monitor_windows WHERE monitor = ?", {name}));
    TRY(tx.Exec("DELETE FROM monitors WHERE name = ?", {name}));
  }
  return {};
}

Result<std::vector<MonitorStatus>> Monitor::List(db::Reader& reader) {
  return reader.All("SELECT spec, project, next_start FROM monitors ORDER BY name", {}, StatusOf);
}

// The earliest thing to do: a window closes before the quality of an earlier one that is due at the
// same instant is judged.
Result<std::optional<Monitor::Task>> Monitor::NextTask() {
  return database_.Read([&](db::Reader& reader) -> Result<std::optional<Task>> {
    std::optional<Task> first;
    const auto offer = [&](Task task) {
      if (!first || task.due < first->due) first = std::move(task);
    };
    for (const MonitorStatus& status : TRY(List(reader))) {
      const Window window = WindowAt(status.next_start, status.spec.every, ZoneOf(status.spec));
      offer({status.spec, window, window.end, false});
      TRY(
          reader.Query("SELECT start, finish, quality_due FROM monitor_windows WHERE monitor = ? "
                       "ORDER BY quality_due, start LIMIT 1",
                       {status.spec.name}, [&](const db::Row& row) {
                         offer({status.spec, {row.At(0), row.At(1)}, row.At(2), true});
                       }));
    }
    return first;
  });
}

void Monitor::Tick(const control::Moment& moment) {
  std::unique_ptr<Outcome> outcome;
  {
    std::lock_guard lock(mutex_);
    outcome = std::move(outcome_);
    if (working_ && !outcome) return;
  }
  if (outcome) Record(*outcome, moment.now);
  auto task = NextTask();
  if (!task) return Log::Error("monitor", task.error().message);
  next_due_ = *task ? std::optional((*task)->due) : std::nullopt;
  if (*task && (*task)->due <= moment.due) StartTask(**task);
}

std::optional<Time> Monitor::NextDue() { return next_due_; }

bool Monitor::Busy() {
  std::lock_guard lock(mutex_);
  return working_;
}

void Monitor::StartTask(const Task& task) {
  {
    std::lock_guard lock(mutex_);
    working_ = true;
  }
  const bool posted = pool_.Post([this, task] {
    auto outcome = std::make_unique<Outcome>(Work(task));
    {
      std::lock_guard lock(mutex_);
      outcome_ = std::move(outcome);
    }
    wake_();
  });
  if (posted) return;
  std::lock_guard lock(mutex_);
  working_ = false;
}

Monitor::Outcome Monitor::Work(const Task& task) {
  Outcome outcome;
  outcome.task = task;
  auto work = [&]() -> Status {
    auto rows = serving_.Window(task.spec.endpoint, task.window.start, task.window.end);
    if (!rows && rows.error().code == Code::kNotFound) return {};  // never asked
    const sql::Table table = TRY(std::move(rows));
    outcome.rows = static_cast<int64_t>(table.rows());
    if (outcome.rows == 0) return {};
    outcome.version = LastVersion(table);
    if (task.quality) {
      outcome.quality = JudgeQuality(task.spec, table);
      return {};
    }
    const auto baseline = BaselineOf(task.spec, outcome.version);
    std::unique_ptr<sql::Engine> engine;
    const bool asks = std::ranges::any_of(task.spec.expect,
                                          [](const ExpectRule& rule) { return !rule.sql.empty(); });
    if (asks) {
      engine = TRY(sql::Engine::Open({.threads = 1, .sandbox = true}));
      TRY(engine->CreateTable("window_rows", table));
    }
    outcome.judgement = JudgeWindow(task.spec, table, baseline.get(), engine.get());
    return {};
  };
  if (Status done = work(); !done) outcome.error = done.error();
  return outcome;
}

std::shared_ptr<const Baseline> Monitor::BaselineOf(const MonitorSpec& spec,
                                                    const std::string& version) {
  if (spec.baseline.empty() || version.empty()) return nullptr;
  const std::string key = spec.endpoint + "/" + version + "/" + spec.baseline;
  {
    std::lock_guard lock(mutex_);
    if (const auto found = baselines_.find(key); found != baselines_.end()) return found->second;
  }
  auto baseline = LoadBaseline(spec, version);
  if (!baseline) {
    Log::Warn("monitor", spec.name + ": no drift without a baseline: " + baseline.error().message);
    return nullptr;
  }
  std::lock_guard lock(mutex_);
  baselines_[key] = *baseline;
  return *baseline;
}

Result<std::shared_ptr<const Baseline>> Monitor::LoadBaseline(const MonitorSpec& spec,
                                                              const std::string& version) {
  std::string model;
  for (const auto& status : TRY(serving_.List())) {
    if (status.name == spec.endpoint) model = TRY(serving::ParseModelUri(status.uri)).model;
  }
  const std::string uri = "models:/" + model + "/" + version;
  std::string path;
  evaluation::ModelSource source{.name = uri};
  TRY(database_.Read([&](db::Reader& reader) -> Status {
    const auto resolved = TRY(registry::Resolve(reader, uri));
    if (!resolved.version) return NotFound("no version " + uri);
    const auto run = TRY(tracking::GetRun(reader, RunId(resolved.version->run_id)));
    path = os::JoinPath(TRY(artifacts::PathOfUri(run.info.artifact_uri)), spec.baseline);
    const auto onnx = TRY(registry::FindOnnx(artifacts_, resolved.artifact_path));
    source.path = artifacts_.LocalPath(onnx.path).value_or("");
    source.features = onnx.inputs;
    return {};
  }));
  const auto local = artifacts_.LocalPath(path);
  if (!local || !os::Exists(*local)) {
    return NotFound("the run of " + uri + " has no artifact '" + spec.baseline + "'");
  }
  auto engine = TRY(sql::Engine::Open({.threads = 1}));
  const auto scan = TRY(sql::OpenFile(*engine, *local));
  const sql::Table rows = TRY(engine->Read({.text = "SELECT * FROM " + scan.typed}));
  auto predictions = evaluation::PredictColumn(source, rows);
  if (!predictions) {
    Log::Info("monitor", spec.name + ": no prediction drift: " + predictions.error().message);
  }
  return std::shared_ptr<const Baseline>(MakeBaseline(rows, predictions ? &*predictions : nullptr));
}

void Monitor::Record(const Outcome& outcome, Time now) {
  Status written = database_.Write([&](db::Tx& tx) -> Status {
    if (outcome.error) TRY(RecordProblem(tx, outcome, outcome.error->message, now));
    return outcome.task.quality ? RecordQuality(tx, outcome, now) : RecordWindow(tx, outcome, now);
  });
  if (!written) Log::Error("monitor", outcome.task.spec.name + ": " + written.error().message);
  std::lock_guard lock(mutex_);
  working_ = false;
}

Status Monitor::RecordProblem(db::Tx& tx, const Outcome& outcome, const std::string& message,
                              Time now) {
  Log::Warn("monitor", outcome.task.spec.name + ": " + message);
  TRY(events::Append(tx, {.time = now,
                          .source = "tatara.monitor",
                          .type = "monitor_problem",
                          .subject = outcome.task.spec.endpoint,
                          .detail = Json::Of({{"monitor", outcome.task.spec.name},
                                              {"window", WindowJson(outcome.task.window)},
                                              {"reason", message}})}));
  return {};
}

Status Monitor::PutFigures(db::Tx& tx, const Outcome& outcome, const std::vector<Figure>& figures,
                           const EventId& cause) {
  for (const Figure& figure : figures) {
    telemetry::Dimensions dimensions = figure.dimensions;
    dimensions["endpoint"] = outcome.task.spec.endpoint;
    TRY(telemetry::PutPoint(tx, {.metric = figure.metric,
                                 .dimensions = std::move(dimensions),
                                 .time = outcome.task.window.start,
                                 .samples = telemetry::Samples::Of(figure.value),
                                 .arrives = outcome.task.due,  // however long the work took
                                 .source = "monitor/" + outcome.task.spec.name,
                                 .cause = cause}));
  }
  return {};
}

Status Monitor::RecordWindow(db::Tx& tx, const Outcome& outcome, Time now) {
  const Task& task = outcome.task;
  TRY(tx.Exec("UPDATE monitors SET next_start = ? WHERE name = ? AND next_start < ?",
              {task.window.end, task.spec.name, task.window.end}));
  if (outcome.rows == 0) return {};
  TRY(
      tx.Exec("INSERT INTO monitor_windows (monitor, start, finish, quality_due) "
              "VALUES (?, ?, ?, ?) ON CONFLICT (monitor, start) DO NOTHING",
              {task.spec.name, task.window.start, task.window.end,
               task.window.end + task.spec.truth_wait}));
  const auto closed =
      TRY(events::Append(tx, {.time = now,
                              .source = "tatara.monitor",
                              .type = "window_closed",
                              .subject = task.spec.endpoint,
                              .detail = Json::Of({{"monitor", task.spec.name},
                                                  {"endpoint", task.spec.endpoint},
                                                  {"window", WindowJson(task.window)},
                                                  {"rows", outcome.rows},
                                                  {"model_version", outcome.version}})}));
  TRY(PutFigures(tx, outcome, outcome.judgement.figures, closed.id));
  for (const Fault& fault : outcome.judgement.faults) {
    TRY(events::Append(
        tx, {.time = now,
             .source = "tatara.monitor",
             .type = "data_fault",
             .subject = task.spec.endpoint,
             .detail = Json::Of({{"endpoint", task.spec.endpoint},
                                 {"rule", fault.rule},
                                 {"feature", fault.feature.empty() ? Json() : Json(fault.feature)},
                                 {"value", fault.value ? Json(*fault.value) : Json()},
                                 {"window", WindowJson(task.window)}}),
             .cause = closed.id}));
  }
  for (const std::string& problem : outcome.judgement.problems) {
    TRY(RecordProblem(tx, outcome, problem, now));
  }
  return {};
}

Status Monitor::RecordQuality(db::Tx& tx, const Outcome& outcome, Time now) {
  const Task& task = outcome.task;
  TRY(tx.Exec("DELETE FROM monitor_windows WHERE monitor = ? AND start = ?",
              {task.spec.name, task.window.start}));
  if (outcome.quality.metrics.empty()) return {};
  Json metrics = Json::MakeObject();
  std::vector<Figure> figures;
  for (const auto& [name, value] : outcome.quality.metrics) {
    if (!value) continue;
    metrics.Set(name, *value);
    figures.push_back({"model_quality", {{"metric", name}}, *value});
  }
  const auto judged = TRY(events::Append(
      tx, {.time = now,
           .source = "tatara.monitor",
           .type = "quality_judged",
           .subject = task.spec.endpoint,
           .detail = Json::Of({{"monitor", task.spec.name},
                               {"endpoint", task.spec.endpoint},
                               {"window", WindowJson(task.window)},
                               {"day", FormatLocalDate(task.window.start, ZoneOf(task.spec))},
                               {"rows", outcome.quality.rows},
                               {"labelled", outcome.quality.labelled},
                               {"model_version", outcome.version},
                               {"metrics", std::move(metrics)}})}));
  return PutFigures(tx, outcome, figures, judged.id);
}

}  // namespace tatara::monitor
