#include <algorithm>
#include <charconv>
#include <map>
#include <set>

#include "base/strings.h"
#include "evaluation/rows.h"

namespace tatara::evaluation {
namespace {

// Each kept row's group, numbered from 0 in order of appearance; null is a group too.
Result<std::vector<uint32_t>> GroupRows(const Rows& rows, const std::string& group) {
  std::vector<uint32_t> out;
  if (group.empty()) return out;
  const sql::Column& column = *TRY(rows.Need(group, "--group names"));
  std::map<std::pair<bool, std::string>, uint32_t> known;
  for (const size_t row : rows.keep) {
    const std::pair key(column.valid[row] != 0,
                        column.valid[row] != 0 ? sql::CellText(column, row) : std::string());
    out.push_back(known.emplace(key, static_cast<uint32_t>(known.size())).first->second);
  }
  return out;
}

Status CheckMetric(const std::string& metric, stats::Task task) {
  const std::vector<std::string> names = stats::MetricNames(task);
  if (std::ranges::find(names, metric) != names.end()) return {};
  return Invalid("metric '" + metric + "' is none of a " + std::string(stats::TaskName(task)) +
                 " model (it has " + Join(names, ", ") + ")");
}

// One task, the same classes in whatever order, the same positive class.
Status CheckComparable(const Predictions& candidate, const Predictions& champion) {
  if (candidate.task != champion.task) {
    return Invalid("the models have different tasks: the candidate is " +
                   std::string(stats::TaskName(candidate.task)) + ", the champion " +
                   std::string(stats::TaskName(champion.task)));
  }
  const std::set<std::string> first(candidate.classes.begin(), candidate.classes.end());
  const std::set<std::string> second(champion.classes.begin(), champion.classes.end());
  if (first != second) {
    return Invalid("the models have different classes: the candidate " +
                   Join(candidate.classes, ", ") + ", the champion " +
                   Join(champion.classes, ", "));
  }
  if (candidate.task != stats::Task::kBinary) return {};
  const std::string& positive = candidate.classes[static_cast<size_t>(candidate.positive)];
  const std::string& other = champion.classes[static_cast<size_t>(champion.positive)];
  if (positive == other) return {};
  return Invalid("the positive class is '" + positive + "' for the candidate and '" + other +
                 "' for the champion: name one with --positive");
}

std::string Number(const std::optional<double>& value) {
  return value ? ShortNumber(*value) : "undefined";
}

// What forbids a verdict, or empty.
std::string RefusalBefore(const GateOptions& options, const GateReport& report,
                          const Predictions& candidate, const Predictions& champion) {
  for (const auto& [who, predictions] :
       {std::pair("candidate", &candidate), std::pair("champion", &champion)}) {
    if (predictions->not_finite > 0) {
      return std::to_string(predictions->not_finite) + " predictions of the " + who +
             " are not finite";
    }
  }
  if (report.rows < options.min_rows) {
    return std::to_string(report.rows) + " rows with a label; at least " +
           std::to_string(options.min_rows) + " are wanted (--min-rows)";
  }
  if (report.groups && *report.groups < options.min_groups) {
    return std::to_string(*report.groups) + " groups; at least " +
           std::to_string(options.min_groups) + " are wanted (--min-groups)";
  }
  if (report.groups.value_or(report.rows) < 2) return "fewer than 2 rows or groups to draw from";
  return {};
}

void Decide(const stats::BootstrapResult& result, GateReport& report) {
  report.candidate = result.candidate;
  report.champion = result.champion;
  report.difference = result.difference;
  if (!result.difference) {
    report.reason = "metric '" + report.metric + "' is undefined on these rows";
    return;
  }
  if (!result.lower || !result.upper) {
    report.reason = "metric '" + report.metric + "' is undefined in " +
                    std::to_string(result.undefined) + " of " + std::to_string(report.resamples) +
                    " resamples; more than 1 % is too many";
    return;
  }
  report.interval = {*result.lower, *result.upper};
  const bool better = report.lower_is_better ? *result.upper < 0 : *result.lower > 0;
  report.verdict = better ? Verdict::kPromote : Verdict::kKeep;
  report.reason =
      "the difference " + Number(result.difference) + " lies in [" + Number(result.lower) + ", " +
      Number(result.upper) + "], " +
      (better ? "wholly on the better side of 0" : "not wholly on the better side of 0");
}

}  // namespace

std::string_view VerdictName(Verdict verdict) {
  switch (verdict) {
    case Verdict::kPromote:
      return "promote";
    case Verdict::kKeep:
      return "keep";
    case Verdict::kRefuse:
      return "refuse";
  }
  return "refuse";
}

Status CheckMetricName(const std::string& metric) {
  std::vector<std::string> names;
  for (const stats::Task task :
       {stats::Task::kRegression, stats::Task::kBinary, stats::Task::kMulticlass}) {
    for (std::string& name : stats::MetricNames(task)) {
      if (std::ranges::find(names, name) == names.end()) names.push_back(std::move(name));
    }
  }
  if (std::ranges::find(names, metric) == names.end()) {
    return Invalid("unknown metric '" + metric + "'" + DidYouMean(metric, names) + " (there are " +
                   Join(names, ", ") + ")");
  }
  if (!stats::LowerIsBetter(metric)) {
    return Invalid("metric '" + metric + "' does not say which model is better");
  }
  return {};
}

std::string ShortNumber(double value) {
  char buffer[32];
  auto [end, error] =
      std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::general, 4);
  return std::string(buffer, end);
}

Result<GateReport> Gate(const GateOptions& options) {
  if (!(options.confidence > 0 && options.confidence < 1)) {
    return Invalid("--confidence must lie between 0 and 1");
  }
  if (options.resamples < 2 || options.resamples > 10'000'000) {
    return Invalid("--resamples must be 2 to 10000000");
  }
  if (options.min_rows < 0) return Invalid("--min-rows must be 0 or more");
  if (options.min_groups < 0) return Invalid("--min-groups must be 0 or more");
  const Rows rows = TRY(ReadRows(options.data, options.task.label));
  const std::vector<uint32_t> groups = TRY(GroupRows(rows, options.group));
  GateReport report{.metric = options.metric,
                    .rows = static_cast<int64_t>(rows.keep.size()),
                    .confidence = options.confidence,
                    .resamples = options.resamples,
                    .seed = options.seed};
  if (!options.group.empty()) {
    report.groups =
        groups.empty() ? 0 : 1 + static_cast<int64_t>(*std::ranges::max_element(groups));
  }
  TRY(CheckMetricName(options.metric));
  report.lower_is_better = *stats::LowerIsBetter(options.metric);
  if (rows.keep.empty()) {
    report.reason = RefusalBefore(options, report, {}, {});
    return report;
  }
  const auto judge = [&](const ModelSource& source) -> Result<Predictions> {
    const Judge opened = TRY(OpenJudge(source, options.task));
    return Predict(opened, rows, rows.keep, options.task, true);
  };
  const Predictions candidate = TRY(judge(options.candidate));
  const Predictions champion = TRY(judge(options.champion));
  TRY(CheckComparable(candidate, champion));
  TRY(CheckMetric(options.metric, candidate.task));
  report.reason = RefusalBefore(options, report, candidate, champion);
  if (candidate.not_finite > 0 || champion.not_finite > 0) return report;
  if (!report.reason.empty()) {
    report.candidate = stats::OneMetric(candidate.View(), options.metric);
    report.champion = stats::OneMetric(champion.View(), options.metric);
    if (report.candidate && report.champion)
      report.difference = *report.candidate - *report.champion;
    return report;
  }
  Decide(stats::PairedBootstrap(candidate.View(), champion.View(), groups,
                                {.metric = options.metric,
                                 .resamples = static_cast<int>(options.resamples),
                                 .seed = options.seed,
                                 .confidence = options.confidence}),
         report);
  return report;
}

Json ToJson(const GateReport& report) {
  const auto number = [](const std::optional<double>& value) {
    return value ? Json(*value) : Json();
  };
  Json interval;
  if (report.interval) {
    interval = Json::Array{Json(report.interval->first), Json(report.interval->second)};
  }
  return Json::Of({{"verdict", VerdictName(report.verdict)},
                   {"reason", report.reason},
                   {"metric", report.metric},
                   {"lower_is_better", report.lower_is_better},
                   {"rows", report.rows},
                   {"groups", report.groups ? Json(*report.groups) : Json()},
                   {"candidate", number(report.candidate)},
                   {"champion", number(report.champion)},
                   {"difference", number(report.difference)},
                   {"interval", interval},
                   {"confidence", report.confidence},
                   {"resamples", report.resamples},
                   {"seed", report.seed}});
}

}  // namespace tatara::evaluation
