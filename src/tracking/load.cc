// Reading whole runs: a fixed number of statements for each 64 runs, children joined by number.
#include <algorithm>
#include <limits>

#include "tracking/sql.h"
#include "tracking/store.h"

namespace tatara::tracking {
namespace {

// Finds the run of a row by its number; rows come grouped, so the last one is mostly right.
class RunIndex {
 public:
  explicit RunIndex(std::vector<Run>& runs, const std::vector<int64_t>& numbers) : runs_(runs) {
    for (size_t i = 0; i < numbers.size(); ++i) order_.emplace_back(numbers[i], i);
    std::ranges::sort(order_);
  }
  Run& At(int64_t number) {
    if (order_[last_].first != number) {
      const auto found =
          std::ranges::lower_bound(order_, number, {}, &std::pair<int64_t, size_t>::first);
      last_ = static_cast<size_t>(found - order_.begin());
    }
    return runs_[order_[last_].second];
  }

 private:
  std::vector<Run>& runs_;
  std::vector<std::pair<int64_t, size_t>> order_;
  size_t last_ = 0;
};

constexpr std::string_view kInfoQuery =
    "SELECT run_number, run_id, experiment_id, name, user_id, status, start_ms, end_ms, "
    "lifecycle_stage, artifact_uri, caller FROM runs WHERE run_number IN ";

RunInfo InfoFromRow(const db::Row& row) {
  return {.id = RunId(row.Text(1)),
          .experiment_id = row.Int(2),
          .name = row.Text(3),
          .user_id = row.Text(4),
          .status = ParseStatus(row.View(5)).value_or(RunStatus::kFailed),
          .start_ms = row.IntOrNone(6),
          .end_ms = row.IntOrNone(7),
          .stage = row.View(8) == "active" ? Stage::kActive : Stage::kDeleted,
          .artifact_uri = row.Text(9),
          .caller = row.Text(10)};
}

Status LoadValues(db::Reader& reader, const std::vector<int64_t>& numbers, RunIndex& index) {
  TRY(QueryInChunks(
      reader,
      "SELECT run_number, key, value, is_nan, timestamp_ms, step FROM metric_series "
      "WHERE run_number IN ",
      numbers, "", [&](const db::Row& row) {
        index.At(row.Int(0))
            .metrics.push_back(
                {.key = row.Text(1),
                 .value = row.Bool(3) ? std::numeric_limits<double>::quiet_NaN() : row.Double(2),
                 .timestamp_ms = row.Int(4),
                 .step = row.Int(5)});
      }));
  TRY(QueryInChunks(reader, "SELECT run_number, key, value FROM run_params WHERE run_number IN ",
                    numbers, "", [&](const db::Row& row) {
                      index.At(row.Int(0)).params.push_back({row.Text(1), row.Text(2)});
                    }));
  return QueryInChunks(
      reader, "SELECT run_number, key, value FROM run_tags WHERE run_number IN ", numbers, "",
      [&](const db::Row& row) { index.At(row.Int(0)).tags.push_back({row.Text(1), row.Text(2)}); });
}

Status LoadDatasets(db::Reader& reader, const std::vector<int64_t>& numbers, RunIndex& index) {
  std::vector<std::pair<std::pair<int64_t, std::string>, size_t>> places;
  TRY(QueryInChunks(
      reader,
      "SELECT i.run_number, d.name, d.digest, d.source_type, d.source, d.schema, d.profile, "
      "d.dataset_id FROM run_datasets i JOIN datasets d ON d.dataset_id = i.dataset_id "
      "WHERE i.run_number IN ",
      numbers, "", [&](const db::Row& row) {
        DatasetInput input{.dataset = {row.Text(1), row.Text(2), row.Text(3), row.Text(4)}};
        if (!row.IsNull(5)) input.dataset.schema = row.Text(5);
        if (!row.IsNull(6)) input.dataset.profile = row.Text(6);
        auto& inputs = index.At(row.Int(0)).datasets;
        places.push_back({{row.Int(0), row.Text(7)}, inputs.size()});
        inputs.push_back(std::move(input));
      }));
  if (places.empty()) return {};
  std::ranges::sort(places);
  return QueryInChunks(
      reader,
      "SELECT run_number, dataset_id, key, value FROM run_dataset_tags WHERE run_number IN ",
      numbers, "", [&](const db::Row& row) {
        const auto place =
            std::ranges::lower_bound(places, std::pair(row.Int(0), row.Text(1)), {},
                                     &std::pair<std::pair<int64_t, std::string>, size_t>::first);
        index.At(row.Int(0)).datasets[place->second].tags.push_back({row.Text(2), row.Text(3)});
      });
}

Status LoadModelLinks(db::Reader& reader, const std::vector<int64_t>& numbers, RunIndex& index) {
  return QueryInChunks(reader,
                       "SELECT run_number, role, model_id, step FROM run_models "
                       "WHERE run_number IN ",
                       numbers, "", [&](const db::Row& row) {
                         Run& run = index.At(row.Int(0));
                         auto& links =
                             row.View(1) == "input" ? run.input_models : run.output_models;
                         links.push_back({row.Text(2), row.Int(3)});
                       });
}

}  // namespace

Result<RunInfo> LoadRunInfo(db::Reader& reader, int64_t number) {
  std::optional<RunInfo> info;
  TRY(QueryInChunks(reader, kInfoQuery, std::vector{number}, "",
                    [&](const db::Row& row) { info = InfoFromRow(row); }));
  CHECK(info.has_value());
  return *std::move(info);
}

Result<std::vector<Run>> LoadRuns(db::Reader& reader, const std::vector<int64_t>& numbers) {
  std::vector<Run> runs(numbers.size());
  if (numbers.empty()) return runs;
  RunIndex index(runs, numbers);
  TRY(QueryInChunks(reader, kInfoQuery, numbers, "",
                    [&](const db::Row& row) { index.At(row.Int(0)).info = InfoFromRow(row); }));
  TRY(LoadValues(reader, numbers, index));
  TRY(LoadDatasets(reader, numbers, index));
  TRY(LoadModelLinks(reader, numbers, index));
  std::erase_if(runs, [](const Run& run) { return run.info.id.empty(); });
  return runs;
}

}  // namespace tatara::tracking
