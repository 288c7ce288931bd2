// evaluate and gate: the tools that judge models on files.
#include <cstdio>

#include "base/strings.h"
#include "cli/commands/commands.h"
#include "cli/model_file.h"
#include "cli/session.h"
#include "evaluation/evaluation.h"
#include "os/files.h"
#include "sql/sql.h"

namespace tatara::cli {
namespace {

constexpr std::string_view kSection = "Tools that work alone";

std::vector<std::string> Names(const Arguments& arguments, std::string_view option) {
  std::vector<std::string> out;
  for (const std::string& value : arguments.All(option)) {
    for (std::string& name : Split(value, ',')) {
      if (!name.empty()) out.push_back(std::move(name));
    }
  }
  return out;
}

Result<std::string> Required(const Arguments& arguments, std::string_view option) {
  auto value = arguments.Get(option);
  if (!value || value->empty()) return Invalid(std::string(option) + " is missing");
  return *value;
}

Result<evaluation::TaskOptions> TaskOf(const Arguments& arguments) {
  evaluation::TaskOptions task;
  task.label = TRY(Required(arguments, "--label"));
  task.features = Names(arguments, "--features");
  task.classes = Names(arguments, "--classes");
  task.positive = arguments.GetOr("--positive", "");
  if (auto name = arguments.Get("--task")) {
    if (*name != "binary") return Invalid("--task takes 'binary' only, not '" + *name + "'");
    task.binary = true;
  }
  task.threshold = TRY(arguments.Double("--threshold")).value_or(0.5);
  return task;
}

std::string Figure(const std::optional<double>& value) {
  if (!value) return "-";
  char buffer[40];
  std::snprintf(buffer, sizeof buffer, "%.6g", *value);
  return buffer;
}

void PrintEvaluation(Output& out, const evaluation::Evaluation& result) {
  out.Line(std::string(stats::TaskName(result.task)) + ", " + std::to_string(result.rows) +
           " rows" +
           (result.rows_without_label > 0
                ? " (" + std::to_string(result.rows_without_label) + " without a label left out)"
                : ""));
  std::vector<std::vector<std::string>> rows;
  for (const auto& [name, value] : result.metrics) rows.push_back({name, Figure(value)});
  out.Table({"metric", "value"}, rows, "");
  if (!result.confusion.empty()) {
    std::vector<std::string> header = {"truth \\ predicted"};
    header.insert(header.end(), result.classes.begin(), result.classes.end());
    rows.clear();
    for (size_t i = 0; i < result.confusion.size(); ++i) {
      rows.push_back({result.classes[i]});
      for (const int64_t cell : result.confusion[i]) rows.back().push_back(std::to_string(cell));
    }
    out.Line("");
    out.Table(header, rows, "");
  }
  if (result.slices.empty()) return;
  rows.clear();
  for (const evaluation::Slice& slice : result.slices) {
    std::string value = slice.value.IsString() ? slice.value.AsString() : slice.value.Dump();
    if (slice.by_range) {
      value = (slice.lower ? "(" + Figure(slice.lower) : "(-inf") + ", " +
              (slice.upper ? Figure(slice.upper) + "]" : "inf)");
    }
    rows.push_back({slice.column, value, std::to_string(slice.rows)});
    for (size_t i = 0; i < slice.metrics.size() && i < 4; ++i) {
      rows.back().push_back(Figure(slice.metrics[i].value));
    }
  }
  std::vector<std::string> header = {"slice", "value", "rows"};
  for (size_t i = 0; i < result.metrics.size() && i < 4; ++i)
    header.push_back(result.metrics[i].name);
  out.Line("");
  out.Table(header, rows, "");
}

// RUN is an id, or "runs:/ID".
std::string RunIdOf(const std::string& text) {
  return text.starts_with("runs:/") ? text.substr(6) : text;
}

Result<int> RunEvaluate(Context& context) {
  const Arguments& arguments = context.arguments;
  evaluation::EvaluateOptions options;
  const std::string uri = TRY(Required(arguments, "--model"));
  options.data = TRY(Required(arguments, "--data"));
  options.task = TRY(TaskOf(arguments));
  options.slices = Names(arguments, "--slice");
  options.predictions = arguments.GetOr("--predictions", "");
  TRY(sql::CheckExists(options.data));
  const ModelFile model = TRY(ModelFile::Open(context.globals, uri));
  options.model = model.source();
  const evaluation::Evaluation result = TRY(evaluation::Evaluate(options));
  if (result.not_finite > 0) {
    context.out.Note("tatara: " + std::to_string(result.not_finite) +
                     " predictions are not finite");
    return 1;
  }
  const Json json = evaluation::ToJson(result);
  if (auto path = arguments.Get("--output"))
    TRY(os::WriteFileDurably(*path, json.DumpPretty() + "\n"));
  if (auto run = arguments.Get("--log")) {
    auto session = TRY(Session::Open(context.globals, Access::kOwn));
    TRY(session->Post("/api/v1/runs/" + PercentEncode(RunIdOf(*run)) + "/log",
                      Json::Of({{"metrics", *json.Find("metrics")}})));
  }
  if (context.globals.json)
    context.out.PrintJson(json);
  else
    PrintEvaluation(context.out, result);
  return 0;
}

Status LogVerdict(Context& context, const std::string& run, const Json& report,
                  const evaluation::GateOptions& options) {
  auto session = TRY(Session::Open(context.globals, Access::kOwn));
  Json detail = report;
  detail.Set("candidate_model", options.candidate.name);
  detail.Set("champion_model", options.champion.name);
  const std::string verdict = TRY(report.GetString("verdict"));
  TRY(session->Post(
      "/api/v1/runs/" + PercentEncode(RunIdOf(run)) + "/log",
      Json::Of({{"tags", Json::Of({{"tatara.gate.verdict", verdict},
                                   {"tatara.gate.reason", TRY(report.GetString("reason"))}})},
                {"event", Json::Of({{"source", "tatara.gate"},
                                    {"type", "gate_judged"},
                                    {"detail", std::move(detail)}})}})));
  return {};
}

Result<int> RunGate(Context& context) {
  const Arguments& arguments = context.arguments;
  evaluation::GateOptions options;
  const std::string candidate = TRY(Required(arguments, "--candidate"));
  const std::string champion = TRY(Required(arguments, "--champion"));
  options.data = TRY(Required(arguments, "--data"));
  options.task = TRY(TaskOf(arguments));
  options.metric = TRY(Required(arguments, "--metric"));
  options.group = arguments.GetOr("--group", "");
  options.resamples = TRY(arguments.Int("--resamples")).value_or(options.resamples);
  const int64_t seed = TRY(arguments.Int("--seed")).value_or(7);
  if (seed < 0) return Invalid("--seed must be 0 or more");
  options.seed = static_cast<uint64_t>(seed);
  options.confidence = TRY(arguments.Double("--confidence")).value_or(options.confidence);
  options.min_rows = TRY(arguments.Int("--min-rows")).value_or(options.min_rows);
  options.min_groups = TRY(arguments.Int("--min-groups")).value_or(options.min_groups);
  TRY(sql::CheckExists(options.data));
  const ModelFile first = TRY(ModelFile::Open(context.globals, candidate));
  const ModelFile second = TRY(ModelFile::Open(context.globals, champion));
  options.candidate = first.source();
  options.champion = second.source();
  const evaluation::GateReport report = TRY(evaluation::Gate(options));
  const Json json = evaluation::ToJson(report);
  if (auto run = arguments.Get("--log")) TRY(LogVerdict(context, *run, json, options));
  if (context.globals.json) {
    context.out.PrintJson(json);
  } else {
    const bool promotes = report.verdict == evaluation::Verdict::kPromote;
    context.out.Line(context.out.Styled(promotes ? Style::kGreen : Style::kYellow,
                                        evaluation::VerdictName(report.verdict)) +
                     ": " + report.reason);
    context.out.Line(report.metric + ": candidate " + Figure(report.candidate) + ", champion " +
                     Figure(report.champion) + ", " + std::to_string(report.rows) + " rows" +
                     (report.groups ? " in " + std::to_string(*report.groups) + " groups" : ""));
  }
  return report.verdict == evaluation::Verdict::kPromote ? 0 : 1;
}

const std::vector<Option> kTaskOptions = {
    {"--label", "COL", "the column that holds the truth"},
    {"--features", "A,B", "the columns of a matrix input, in order"},
    {"--classes", "X,Y", "the classes, in the order of the probabilities"},
    {"--positive", "V", "the class that precision, recall and curves are about"},
    {"--task", "binary", "one number a row is the positive class's probability"},
    {"--threshold", "P", "from where it counts as positive (default 0.5)"},
    {"--log", "RUN", "also log the result to this run"},
};

std::vector<Option> With(std::vector<Option> own) {
  own.insert(own.end(), kTaskOptions.begin(), kTaskOptions.end());
  return own;
}

}  // namespace

std::vector<Command> JudgeTools() {
  return {
      {.name = "evaluate",
       .usage = "--model URI --data FILE --label COL",
       .summary = "the metrics of a model on the rows of a file",
       .section = std::string(kSection),
       .options = With({{"--model", "URI", "an ONNX file, models:/name/N, models:/name@alias"},
                        {"--data", "FILE", "Parquet or CSV"},
                        {"--slice", "COL", "also by the values of this column; repeatable"},
                        {"--predictions", "FILE", "write each row's prediction"},
                        {"--output", "FILE", "write the JSON document", "-o"}}),
       .examples = "  tatara evaluate --model model.onnx --data holdout.parquet --label y\n"
                   "  tatara evaluate --model models:/delay@champion --data h.parquet --label y "
                   "--slice origin --json\n",
       .run = RunEvaluate},
      {.name = "gate",
       .usage = "--candidate URI --champion URI --data FILE --label COL --metric M",
       .summary = "is the candidate better than the champion, or was it luck? exit 0 if it is",
       .section = std::string(kSection),
       .options = With({{"--candidate", "URI", "the challenger: ONNX file or models:/ URI"},
                        {"--champion", "URI", "what is live"},
                        {"--data", "FILE", "Parquet or CSV"},
                        {"--metric", "M", "mae, rmse, roc_auc, ..."},
                        {"--group", "COL", "draw whole groups of rows that hang together"},
                        {"--resamples", "N", "default 2000"},
                        {"--seed", "N", "default 7; the same seed gives the same interval"},
                        {"--confidence", "C", "default 0.95"},
                        {"--min-rows", "N", "refuse below (default 30)"},
                        {"--min-groups", "N", "refuse below (default 5)"}}),
       .details =
           "The interval is the paired bootstrap's, with Student's t. It cannot see rare bad\n"
           "groups that the data do not hold.",
       .examples = "  tatara gate --candidate new.onnx --champion old.onnx --data holdout.parquet "
                   "--label y --metric mae --group date\n",
       .run = RunGate},
  };
}

}  // namespace tatara::cli
