// Metric points in and out.
#include <algorithm>
#include <cmath>
#include <limits>
#include <set>
#include <tuple>
#include <unordered_map>

#include "tracking/runs.h"
#include "tracking/search.h"
#include "tracking/sql.h"
#include "tracking/store.h"

namespace tatara::tracking {
namespace {

// A point as it is stored: NaN as 0 with a flag, infinities as the largest double.
struct Point {
  int64_t series = 0;
  int64_t timestamp_ms = 0;
  int64_t step = 0;
  double value = 0;
  bool is_nan = false;
};

Point ToPoint(const Metric& metric) {
  Point point{.timestamp_ms = metric.timestamp_ms, .step = metric.step, .value = metric.value};
  if (std::isnan(metric.value)) {
    point.value = 0;
    point.is_nan = true;
  } else if (std::isinf(metric.value)) {
    point.value = std::copysign(std::numeric_limits<double>::max(), metric.value);
  }
  return point;
}

bool IsLater(const Point& a, const Point& b) {
  return std::tie(a.step, a.timestamp_ms, a.value) > std::tie(b.step, b.timestamp_ms, b.value);
}

// A key of a batch: its latest point there, and what stands in the store.
struct Series {
  std::string_view key;
  Point latest;
  int64_t number = 0;  // 0: new
  Point stored;
};

// The series of a batch, in the order of their first points, and where each key's is.
struct SeriesOfBatch {
  std::vector<Series> all;
  std::unordered_map<std::string_view, size_t> places;
};

Status FindStored(db::Tx& tx, const RunRow& run, SeriesOfBatch& series) {
  std::vector<std::string_view> keys;
  for (const auto& one : series.all) keys.push_back(one.key);
  const Head head(
      "SELECT key, series, step, timestamp_ms, value FROM metric_series WHERE run_number = ? "
      "AND key IN ",
      {run.number});
  return QueryInChunks(tx, head, keys, "", [&](const db::Row& row) {
    auto& one = series.all[series.places.at(row.View(0))];
    one.number = row.Int(1);
    one.stored = {.timestamp_ms = row.Int(3), .step = row.Int(2), .value = row.Double(4)};
  });
}

// Brings the series' latest points up to date; new ones get a number.
Status WriteSeries(db::Tx& tx, const RunRow& run, SeriesOfBatch& series) {
  TRY(FindStored(tx, run, series));
  int64_t next = 0;
  std::vector<db::Value> values;
  for (auto& one : series.all) {
    if (one.number == 0) {
      if (next == 0) {
        next = TRY(tx.Count("SELECT COALESCE(MAX(series), 0) + 1 FROM metric_series", {}));
      }
      one.number = next++;
    } else if (!IsLater(one.latest, one.stored)) {
      continue;
    }
    values.insert(values.end(),
                  {one.number, run.number, one.key, run.experiment_id, one.latest.value,
                   one.latest.is_nan, one.latest.step, one.latest.timestamp_ms});
  }
  return InsertInChunks(tx,
                        {.head = "INSERT INTO metric_series (series, run_number, key, "
                                 "experiment_id, value, is_nan, step, timestamp_ms) VALUES ",
                         .columns = 8,
                         .tail = " ON CONFLICT (series) DO UPDATE SET value = excluded.value, "
                                 "is_nan = excluded.is_nan, step = excluded.step, "
                                 "timestamp_ms = excluded.timestamp_ms"},
                        values);
}

Status InsertPoints(db::Tx& tx, const std::vector<Point>& points) {
  std::vector<db::Value> values;
  values.reserve(points.size() * 5);
  for (const Point& point : points) {
    values.insert(values.end(),
                  {point.series, point.timestamp_ms, point.step, point.value, point.is_nan});
  }
  return InsertInChunks(
      tx,
      {.head = "INSERT INTO metric_points (series, timestamp_ms, step, value, is_nan) VALUES ",
       .columns = 5,
       .tail = " ON CONFLICT (series, timestamp_ms, step, value, is_nan) DO NOTHING"},
      values);
}

Result<std::optional<int64_t>> FindSeries(db::Reader& reader, std::string_view run_id,
                                          std::string_view key) {
  return reader.One(
      "SELECT s.series FROM metric_series s JOIN runs r ON r.run_number = s.run_number "
      "WHERE r.run_id = ? AND s.key = ?",
      {run_id, key}, [](const db::Row& row) { return row.Int(0); });
}

Metric ToMetric(const db::Row& row, std::string_view key, std::string_view run_id) {
  return {.key = std::string(key),
          .value = row.Bool(3) ? std::numeric_limits<double>::quiet_NaN() : row.Double(2),
          .timestamp_ms = row.Int(0),
          .step = row.Int(1),
          .run_id = std::string(run_id)};
}

struct SeriesOfRun {
  std::string run_id;
  int64_t series = 0;
};

Result<std::vector<SeriesOfRun>> SeriesOfRuns(db::Reader& reader, const BulkHistoryQuery& query) {
  std::vector<std::string> ids = query.run_ids;
  std::ranges::sort(ids);
  ids.erase(std::ranges::unique(ids).begin(), ids.end());
  std::vector<SeriesOfRun> out;
  for (const auto& id : ids) {
    const auto series = TRY(FindSeries(reader, id, query.key));
    if (series) out.push_back({id, *series});
  }
  return out;
}

// At most `count_max` of the steps, evenly spread, the last one among them.
std::set<int64_t> Sample(const std::vector<int64_t>& steps, int64_t count_max) {
  const auto count = static_cast<int64_t>(steps.size());
  if (count <= count_max) return {steps.begin(), steps.end()};
  std::set<int64_t> sampled;
  for (int64_t i = 0; i < count_max; ++i) {
    sampled.insert(steps[static_cast<size_t>(i * count / count_max)]);
  }
  sampled.insert(steps.back());
  return sampled;
}

Result<std::set<int64_t>> SampledSteps(db::Reader& reader, const std::vector<SeriesOfRun>& all,
                                       const BulkHistoryQuery& query) {
  constexpr int64_t kMin = std::numeric_limits<int64_t>::min();
  constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
  std::set<int64_t> steps;
  std::vector<int64_t> ends;
  for (const auto& [run_id, series] : all) {
    std::optional<int64_t> first;
    int64_t last = 0;
    TRY(
        reader.Query("SELECT DISTINCT step FROM metric_points WHERE series = ? AND step >= ? AND "
                     "step <= ? ORDER BY step",
                     {series, query.start_step.value_or(kMin), query.end_step.value_or(kMax)},
                     [&](const db::Row& row) {
                       last = row.Int(0);
                       if (!first) first = last;
                       steps.insert(last);
                     }));
    if (first) ends.insert(ends.end(), {*first, last});
  }
  auto sampled = Sample({steps.begin(), steps.end()}, query.max_results);
  sampled.insert(ends.begin(), ends.end());
  return sampled;
}

Result<std::vector<Metric>> SampledHistory(db::Reader& reader, const std::vector<SeriesOfRun>& all,
                                           const BulkHistoryQuery& query) {
  const auto steps = TRY(SampledSteps(reader, all, query));
  std::vector<Metric> out;
  for (const auto& [run_id, series] : all) {
    TRY(
        reader.Query("SELECT timestamp_ms, step, value, is_nan FROM metric_points "
                     "WHERE series = ? ORDER BY step, timestamp_ms, value",
                     {series}, [&](const db::Row& row) {
                       if (steps.contains(row.Int(1)))
                         out.push_back(ToMetric(row, query.key, run_id));
                     }));
  }
  return out;
}

}  // namespace

Status InsertMetrics(db::Tx& tx, const RunRow& run, const std::vector<Metric>& metrics) {
  if (metrics.empty()) return {};
  SeriesOfBatch series;
  std::vector<Point> points;
  points.reserve(metrics.size());
  for (const auto& metric : metrics) {
    Point point = ToPoint(metric);
    const auto [found, added] = series.places.emplace(metric.key, series.all.size());
    if (added) {
      series.all.push_back({.key = metric.key, .latest = point});
    } else if (IsLater(point, series.all[found->second].latest)) {
      series.all[found->second].latest = point;
    }
    point.series = static_cast<int64_t>(found->second);  // its place, until the numbers are known
    points.push_back(point);
  }
  TRY(WriteSeries(tx, run, series));
  for (auto& point : points) point.series = series.all[static_cast<size_t>(point.series)].number;
  return InsertPoints(tx, points);
}

Status InsertModelMetrics(db::Tx& tx, const RunId& run, const std::vector<Metric>& metrics) {
  for (const auto& metric : metrics) {
    if (metric.model_id.empty()) continue;
    if (TRY(tx.Count("SELECT COUNT(*) FROM logged_models WHERE model_id = ?", {metric.model_id})) ==
        0) {
      return NotFound("Logged model with ID '" + metric.model_id + "' not found.");
    }
    TRY(
        tx.Exec("INSERT INTO logged_model_metrics (model_id, key, timestamp_ms, step, run_id, "
                "value, dataset_name, dataset_digest) VALUES (?, ?, ?, ?, ?, ?, ?, ?) "
                "ON CONFLICT (model_id, key, timestamp_ms, step, run_id) DO NOTHING",
                {metric.model_id, metric.key, metric.timestamp_ms, metric.step, run,
                 ToPoint(metric).value, metric.dataset_name, metric.dataset_digest}));
  }
  return {};
}

Result<Page<Metric>> MetricHistory(db::Reader& reader, const RunId& id, const HistoryQuery& query) {
  const int64_t offset = TRY(ParsePageToken(query.page_token));
  TRY(FindRun(reader, id.value));
  Page<Metric> page;
  const auto series = TRY(FindSeries(reader, id.value, query.key));
  if (!series) return page;
  const int64_t limit =
      query.max_results ? *query.max_results : std::numeric_limits<int64_t>::max() - 1;
  TRY(reader.Query(
      "SELECT timestamp_ms, step, value, is_nan FROM metric_points WHERE series = ? "
      "ORDER BY timestamp_ms, step, value LIMIT ? OFFSET ?",
      {*series, limit + 1, offset},
      [&](const db::Row& row) { page.items.push_back(ToMetric(row, query.key, "")); }));
  if (static_cast<int64_t>(page.items.size()) > limit) {
    page.items.pop_back();
    page.next_token = MakePageToken(offset + limit);
  }
  return page;
}

Result<std::vector<Metric>> BulkHistory(db::Reader& reader, const BulkHistoryQuery& query) {
  const auto all = TRY(SeriesOfRuns(reader, query));
  if (query.sampled) return SampledHistory(reader, all, query);
  std::vector<Metric> out;
  for (const auto& [run_id, series] : all) {
    const int64_t left = query.max_results - static_cast<int64_t>(out.size());
    if (left <= 0) break;
    TRY(
        reader.Query("SELECT timestamp_ms, step, value, is_nan FROM metric_points "
                     "WHERE series = ? ORDER BY timestamp_ms, step, value LIMIT ?",
                     {series, left},
                     [&](const db::Row& row) { out.push_back(ToMetric(row, query.key, run_id)); }));
  }
  return out;
}

}  // namespace tatara::tracking
