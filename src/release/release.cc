#include "release/release.h"

#include "base/log.h"
#include "base/strings.h"
#include "evaluation/evaluation.h"
#include "events/events.h"
#include "inference/inference.h"
#include "os/os.h"
#include "registry/registry.h"
#include "release/condition.h"

namespace tatara::release {

// One step's result. Exactly one of `error`, `version` and `report` says what it was.
struct Release::Outcome {
  pipelines::Run run;
  ReleaseSpec spec;
  std::optional<Error> error;
  std::optional<registry::NewVersion> version;   // REGISTER
  std::optional<evaluation::GateReport> report;  // GATE
  int64_t candidate = 0;                         // GATE: its version
  std::optional<int64_t> champion;               // GATE: what the alias pointed at
  bool live_already = false;                     // GATE: the alias points at the candidate
  EventId cause;
};

namespace {

constexpr std::chrono::milliseconds kLookAgain{10};

// What stands in the database about a release.
struct Row {
  RunId mlflow_run;
  std::string model;
  int64_t version = 0;
  EventId event;
  std::string detail;
};

Result<std::optional<Row>> FindRow(db::Reader& reader, const PipelineRunId& run) {
  return reader.One("SELECT mlflow_run, model, version, event, detail FROM releases WHERE run = ?",
                    {run}, [](const db::Row& row) {
                      return Row{RunId(row.Text(0)), row.Text(1), row.Int(2), EventId(row.Text(3)),
                                 row.Text(4)};
                    });
}

std::string VersionUri(const std::string& model, int64_t version) {
  return "models:/" + model + "/" + std::to_string(version);
}

Json NumberOrNull(const std::optional<double>& value) { return value ? Json(*value) : Json(); }

Json IntervalJson(const evaluation::GateReport& report) {
  if (!report.interval) return {};
  return Json::Array{Json(report.interval->first), Json(report.interval->second)};
}

}  // namespace

// The steps as they run on the work pool: they read and judge, and change nothing.
struct Release::Work {
  db::Database& database;
  artifacts::Store& artifacts;
  const pipelines::Run& run;
  const ReleaseSpec& spec;

  Status Do(Outcome& outcome) {
    const auto row =
        TRY(database.Read([&](db::Reader& reader) { return FindRow(reader, run.id); }));
    return row ? Judge(*row, outcome) : Register(outcome);
  }

  Status Register(Outcome& outcome) {
    const std::string path = os::JoinPath(run.work_folder, spec.run);
    auto text = os::ReadFile(path, 4096);
    if (!text) return std::unexpected(Prefixed("register", text.error()));
    const RunId id{std::string(Trim(*text))};
    registry::NewVersion version{.name = spec.model, .run_id = id.value, .cause = run.event};
    TRY(database.Read([&](db::Reader& reader) -> Status {
      auto found = tracking::GetRun(reader, id);
      if (!found) return std::unexpected(Prefixed("register: " + spec.run, found.error()));
      const auto logged = TRY(tracking::NewestReadyModel(reader, id));
      if (!logged) {
        return NotFound("register: run " + id.value +
                        " has logged no model; mlflow's log_model "
                        "does");
      }
      version.model_id = logged->id;
      version.source = "models:/" + logged->id;
      return {};
    }));
    TRY(LoadModel(version.source));
    outcome.version = std::move(version);
    return {};
  }

  // The ONNX file of a model URI as evaluation takes it.
  Result<evaluation::ModelSource> Source(const std::string& uri) {
    const auto resolved =
        TRY(database.Read([&](db::Reader& reader) { return registry::Resolve(reader, uri); }));
    const auto onnx = TRY(registry::FindOnnx(artifacts, resolved.artifact_path));
    const auto path = artifacts.LocalPath(onnx.path);
    if (!path) return Unsupported(uri + ": the artifact store keeps no file on this machine");
    return evaluation::ModelSource{.path = *path, .name = uri, .features = onnx.inputs};
  }

  Status LoadModel(const std::string& uri) {
    const auto source = TRY(Source(uri));
    auto model = inference::Load(source.path);
    if (!model)
      return std::unexpected(Prefixed("register: the model does not load", model.error()));
    return {};
  }

  Status Judge(const Row& row, Outcome& outcome) {
    outcome.candidate = row.version;
    outcome.cause = row.event;
    const auto alias = TRY(database.Read(
        [&](db::Reader& reader) { return registry::FindAlias(reader, row.model, spec.promote); }));
    if (alias) outcome.champion = alias->version;
    if (alias && alias->version == row.version) {
      outcome.live_already = true;
      return {};
    }
    if (!spec.gate) {
      outcome.report = evaluation::GateReport{.verdict = evaluation::Verdict::kPromote,
                                              .reason = "no gate was asked for"};
    } else if (!alias) {
      outcome.report = TRY(JudgeFirst(row));
    } else {
      outcome.report = TRY(JudgeAgainst(row, alias->version));
    }
    return {};
  }

  Result<evaluation::GateReport> JudgeFirst(const Row& row) {
    evaluation::GateReport report{.verdict = evaluation::Verdict::kPromote,
                                  .metric = spec.gate->metric};
    const auto facts = TRY(database.Read(
        [&](db::Reader& reader) { return tracking::GetRun(reader, row.mlflow_run); }));
    const MetricLookup metric = [&](std::string_view name) -> std::optional<double> {
      const tracking::Metric* point = facts.FindMetric(name);
      return point == nullptr ? std::nullopt : std::optional(point->value);
    };
    // The candidate's figure, where the run has logged it under the metric's name.
    for (const std::string& name : {"eval_" + spec.gate->metric, spec.gate->metric}) {
      if (!report.candidate) report.candidate = metric(name);
    }
    if (spec.gate->first.empty()) {
      report.reason = "the first model; no condition was set";
      return report;
    }
    const ConditionResult condition = TRY(EvaluateCondition(spec.gate->first, metric));
    report.reason = "the first model: " + condition.why;
    if (!condition.holds) report.verdict = evaluation::Verdict::kKeep;
    return report;
  }

  Result<evaluation::GateReport> JudgeAgainst(const Row& row, int64_t champion) {
    const GateSpec& gate = *spec.gate;
    evaluation::GateOptions options;
    options.candidate = TRY(Source(VersionUri(row.model, row.version)));
    options.champion = TRY(Source(VersionUri(row.model, champion)));
    options.data = os::JoinPath(run.work_folder, gate.data);
    options.task.label = gate.label;
    options.metric = gate.metric;
    options.group = gate.group;
    options.resamples = gate.resamples;
    options.seed = static_cast<uint64_t>(gate.seed);
    options.confidence = gate.confidence;
    options.min_rows = gate.min_rows;
    options.min_groups = gate.min_groups;
    auto report = evaluation::Gate(options);
    if (!report) return std::unexpected(Prefixed("gate", report.error()));
    return report;
  }
};

Release::Release(db::Database& database, const os::Clock& clock, pipelines::Pipelines& pipelines,
                 artifacts::Store& artifacts, os::WorkPool& pool, Options options)
    : database_(database),
      clock_(clock),
      pipelines_(pipelines),
      artifacts_(artifacts),
      pool_(pool),
      options_(std::move(options)) {}

Release::~Release() = default;

void Release::Tick(const control::Moment& moment) {
  look_again_.reset();
  std::vector<Outcome> outcomes;
  {
    std::lock_guard lock(mutex_);
    outcomes.swap(outcomes_);
  }
  for (const Outcome& outcome : outcomes) Record(outcome, moment.now);
  auto runs = database_.Read(
      [](db::Reader& reader) { return pipelines::Pipelines::ListReleasing(reader); });
  if (!runs) return Log::Error("release", runs.error().message);
  for (const pipelines::Run& run : *runs) {
    if (options_.may_run && !options_.may_run(run.id)) continue;
    auto judged = FinishJudged(run);
    if (!judged)
      Log::Error("release", run.id.value + ": " + judged.error().message);
    else if (!*judged)
      StartWork(run);
  }
}

Result<bool> Release::FinishJudged(const pipelines::Run& run) {
  const auto row = TRY(database_.Read([&](db::Reader& reader) { return FindRow(reader, run.id); }));
  if (!row || row->detail.empty()) return false;
  const Json detail = TRY(ParseJson(row->detail));
  const std::string alias = TRY(detail.GetStringOr("alias", ""));
  const bool promoted = TRY(detail.GetBoolOr("promoted", false));
  if (promoted && options_.deployed && !options_.deployed(row->model, alias)) {
    look_again_ = os::Stopwatch::Now() + kLookAgain;
    return true;
  }
  TRY(database_.Write(
      [&](db::Tx& tx) { return pipelines_.FinishRelease(tx, run.id, true, "", detail); }));
  options_.wake();
  return true;
}

void Release::StartWork(const pipelines::Run& run) {
  {
    std::lock_guard lock(mutex_);
    if (!busy_.emplace(run.id, true).second) return;
  }
  const bool posted = pool_.Post([this, run] {
    Outcome outcome;
    outcome.run = run;
    auto step = [&]() -> Status {
      outcome.spec = TRY(FromJson(run.release));
      return Work{database_, artifacts_, outcome.run, outcome.spec}.Do(outcome);
    };
    if (Status done = step(); !done) outcome.error = done.error();
    {
      std::lock_guard lock(mutex_);
      outcomes_.push_back(std::move(outcome));
    }
    options_.wake();
  });
  if (posted) return;
  std::lock_guard lock(mutex_);
  busy_.erase(run.id);
}

void Release::Record(const Outcome& outcome, Time now) {
  const PipelineRunId& run = outcome.run.id;
  Status written = database_.Write([&](db::Tx& tx) -> Status {
    if (outcome.error) {
      return pipelines_.FinishRelease(tx, run, false, outcome.error->message, Json());
    }
    if (outcome.version) return RecordVersion(tx, outcome, now);
    if (outcome.live_already) return RecordNothingNew(tx, outcome);
    return RecordVerdict(tx, outcome, now);
  });
  {
    std::lock_guard lock(mutex_);
    busy_.erase(run);
  }
  options_.wake();
  if (written) return;
  if (written.error().code == Code::kConflict) {
    return Log::Info("release", run.value + ": " + written.error().message + "; judging again");
  }
  Log::Error("release", run.value + ": " + written.error().message);
}

namespace {

// A run is registered once: a pipeline that ran again and changed nothing names the same run.
Result<registry::Version> RegisterOnce(db::Tx& tx, const registry::NewVersion& wanted, Time now) {
  for (const auto& version : TRY(registry::VersionsOfRun(tx, RunId(wanted.run_id)))) {
    if (version.name == wanted.name) return version;
  }
  return registry::CreateVersion(tx, wanted, now);
}

}  // namespace

Status Release::RecordVersion(db::Tx& tx, const Outcome& outcome, Time now) {
  if (TRY(FindRow(tx, outcome.run.id))) return {};
  TRY(registry::EnsureModel(tx, outcome.version->name, now));
  const registry::Version version = TRY(RegisterOnce(tx, *outcome.version, now));
  TRY(tx.Exec(
      "INSERT INTO releases (run, mlflow_run, model, version, event, detail) "
      "VALUES (?, ?, ?, ?, ?, '')",
      {outcome.run.id, outcome.version->run_id, version.name, version.version, version.event}));
  return {};
}

Status Release::RecordNothingNew(db::Tx& tx, const Outcome& outcome) {
  const std::string candidate = VersionUri(outcome.spec.model, outcome.candidate);
  const Json detail = Json::Of({{"verdict", "keep"},
                                {"reason", candidate + " is live already: nothing to judge"},
                                {"candidate_model", candidate},
                                {"champion_model", candidate},
                                {"promoted", false},
                                {"alias", outcome.spec.promote}});
  TRY(tx.Exec("UPDATE releases SET detail = ? WHERE run = ?", {detail.Dump(), outcome.run.id}));
  return {};
}

Status Release::RecordVerdict(db::Tx& tx, const Outcome& outcome, Time now) {
  const evaluation::GateReport& report = *outcome.report;
  const std::string& model = outcome.spec.model;
  const std::string candidate = VersionUri(model, outcome.candidate);
  const Json champion = outcome.champion ? Json(VersionUri(model, *outcome.champion)) : Json();
  Json detail = Json::Of({{"verdict", evaluation::VerdictName(report.verdict)},
                          {"reason", report.reason},
                          {"metric", report.metric},
                          {"candidate", NumberOrNull(report.candidate)},
                          {"champion", NumberOrNull(report.champion)},
                          {"interval", IntervalJson(report)},
                          {"candidate_model", candidate},
                          {"champion_model", champion},
                          {"pipeline_run", outcome.run.id.value}});
  const events::Event event = TRY(events::Append(tx, {.time = now,
                                                      .source = "tatara.gate",
                                                      .type = "gate_judged",
                                                      .subject = candidate,
                                                      .detail = detail,
                                                      .cause = outcome.cause}));
  const bool promotes =
      report.verdict == evaluation::Verdict::kPromote && !outcome.spec.promote.empty();
  if (promotes) {
    TRY(registry::SetAlias(tx,
                           {.model = model,
                            .alias = outcome.spec.promote,
                            .version = outcome.candidate,
                            .expected = outcome.champion.value_or(0),
                            .cause = event.id},
                           now));
  }
  TRY(TagRun(tx, outcome, detail));
  detail.Set("promoted", promotes);
  detail.Set("alias", outcome.spec.promote);
  TRY(tx.Exec("UPDATE releases SET detail = ? WHERE run = ?", {detail.Dump(), outcome.run.id}));
  return {};
}

// The verdict stands on the MLflow run too, where a person looks.
Status Release::TagRun(db::Tx& tx, const Outcome& outcome, const Json& detail) {
  const auto row = TRY(FindRow(tx, outcome.run.id));
  if (!row) return {};
  const auto tag = [&](const std::string& key, const std::string& value) {
    return tracking::SetTag(tx, row->mlflow_run, {"tatara.gate." + key, value});
  };
  TRY(tag("verdict", TRY(detail.GetString("verdict"))));
  TRY(tag("reason", TRY(detail.GetString("reason"))));
  if (const Json* interval = detail.Find("interval"); !interval->IsNull()) {
    TRY(tag("interval", interval->Dump()));
  }
  return {};
}

}  // namespace tatara::release
