// Metric points in and out.
#include <algorithm>
#include <cmath>
#include <limits>
#include <tuple>
#include <unordered_map>

#include "tracking/runs.h"
#include "tracking/search.h"
#include "tracking/sql.h"
#include "tracking/store.h"

namespace tatara::tracking {
namespace {

// A point as it is stored: NaN as 0 with a flag, infinities as the largest double. Compared in the
// order of a history.
struct Point {
  int64_t timestamp_ms = 0;
  int64_t step = 0;
  double value = 0;
  bool is_nan = false;
  auto operator<=>(const Point&) const = default;
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

// Of the columns timestamp_ms, step, value, is_nan, from `column` on.
Point PointOf(const db::Row& row, int column) {
  return {row.Int(column), row.Int(column + 1), row.Double(column + 2), row.Bool(column + 3)};
}

Metric ToMetric(const Point& point, std::string_view key, std::string_view run_id) {
  return {.key = std::string(key),
          .value = point.is_nan ? std::numeric_limits<double>::quiet_NaN() : point.value,
          .timestamp_ms = point.timestamp_ms,
          .step = point.step,
          .run_id = std::string(run_id)};
}

bool IsLater(const Point& a, const Point& b) {
  return std::tie(a.step, a.timestamp_ms, a.value) > std::tie(b.step, b.timestamp_ms, b.value);
}

// The points of a series that share a block (schema/0002_tracking.sql). Fewer: a batch touches
// fewer pages; more: a history has fewer ranges. Stored blocks have this size.
constexpr int64_t kBlockPoints = 8;

// A key of a batch: the latest of its points there and in the store, and how many it has there.
struct Series {
  std::string_view key;
  Point latest;
  int64_t number = 0;  // 0: new
  int64_t stored = 0;
};

// The series of a batch, in the order of their first points, and where each key's is.
struct SeriesOfBatch {
  std::vector<Series> all;
  std::unordered_map<std::string_view, size_t> places;
};

// Fills in what is stored of the batch's series. For each of them a scan of the run's series costs
// half of looking it up, so that it pays for a large batch of a run that has few others.
Status FindStored(db::Tx& tx, const RunRow& run, SeriesOfBatch& series) {
  constexpr size_t kScanMin = 64;
  const std::string select =
      "SELECT key, series, points, timestamp_ms, step, value, is_nan FROM metric_series "
      "WHERE run_number = ?";
  const auto take = [&](const db::Row& row) {
    const auto place = series.places.find(row.View(0));
    if (place == series.places.end()) return;
    auto& one = series.all[place->second];
    one.number = row.Int(1);
    one.stored = row.Int(2);
    if (const Point latest = PointOf(row, 3); IsLater(latest, one.latest)) one.latest = latest;
  };
  if (const size_t count = series.all.size(); count >= kScanMin) {
    const size_t scanned_max = count + count / 2;
    size_t scanned = 0;
    TRY(tx.Query(select + " LIMIT ?", {run.number, scanned_max + 1}, [&](const db::Row& row) {
      ++scanned;
      take(row);
    }));
    if (scanned <= scanned_max) return {};
  }
  std::vector<std::string_view> keys;
  keys.reserve(series.all.size());
  for (const auto& one : series.all) keys.push_back(one.key);
  const std::string by_key = select + " AND key IN ";
  return QueryInChunks(tx, Head(by_key, {run.number}), keys, "", take);
}

Status NumberNew(db::Tx& tx, std::vector<Series>& all) {
  int64_t next = 0;
  for (auto& one : all) {
    if (one.number != 0) continue;
    if (next == 0) {
      next = TRY(tx.Count("SELECT COALESCE(MAX(series), 0) + 1 FROM metric_series", {}));
    }
    one.number = next++;
  }
  return {};
}

Status WriteSeries(db::Tx& tx, const RunRow& run, const std::vector<Series>& all) {
  std::vector<db::Value> values;
  values.reserve(all.size() * 9);
  for (const auto& one : all) {
    values.insert(values.end(),
                  {one.number, run.number, one.key, run.experiment_id, one.latest.value,
                   one.latest.is_nan, one.latest.step, one.latest.timestamp_ms, one.stored});
  }
  return InsertInChunks(
      tx,
      {.head = "INSERT INTO metric_series (series, run_number, key, "
               "experiment_id, value, is_nan, step, timestamp_ms, points) VALUES ",
       .columns = 9,
       .tail = " ON CONFLICT (series) DO UPDATE SET value = excluded.value, "
               "is_nan = excluded.is_nan, step = excluded.step, "
               "timestamp_ms = excluded.timestamp_ms, points = excluded.points"},
      values);
}

// A point and its series' place in the batch.
using PlacedPoint = std::pair<size_t, Point>;

// Behind what is stored of each series, which then counts them.
Status InsertPoints(db::Tx& tx, const RunRow& run, std::vector<Series>& all,
                    const std::vector<PlacedPoint>& points) {
  std::vector<db::Value> values;
  values.reserve(points.size() * 7);
  for (const auto& [place, point] : points) {
    const int64_t block = all[place].stored++ / kBlockPoints;
    values.insert(values.end(), {run.number, block, all[place].number, point.timestamp_ms,
                                 point.step, point.value, point.is_nan});
  }
  return InsertInChunks(tx,
                        {.head = "INSERT INTO metric_points (run_number, block, series, "
                                 "timestamp_ms, step, value, is_nan) VALUES ",
                         .columns = 7,
                         .tail = " ON CONFLICT (run_number, block, series, timestamp_ms, step, "
                                 "value, is_nan) DO NOTHING"},
                        values);
}

// Where the points of a run's metric are.
struct StoredSeries {
  std::string run_id;
  int64_t run_number = 0;
  int64_t number = 0;
  int64_t points = 0;
};

Result<std::optional<StoredSeries>> FindSeries(db::Reader& reader, std::string_view run_id,
                                               std::string_view key) {
  return reader.One(
      "SELECT s.run_number, s.series, s.points FROM metric_series s "
      "JOIN runs r ON r.run_number = s.run_number WHERE r.run_id = ? AND s.key = ?",
      {run_id, key}, [&](const db::Row& row) {
        return StoredSeries{std::string(run_id), row.Int(0), row.Int(1), row.Int(2)};
      });
}

// All points in the order of a history, each once: a repeat may stand in a later block.
Result<std::vector<Point>> ReadPoints(db::Reader& reader, const StoredSeries& series) {
  std::vector<Point> points;
  points.reserve(static_cast<size_t>(series.points));
  TRY(reader.Query(
      "WITH RECURSIVE blocks (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM blocks WHERE n < ?) "
      "SELECT timestamp_ms, step, value, is_nan FROM blocks CROSS JOIN metric_points p "
      "WHERE p.run_number = ? AND p.block = blocks.n AND p.series = ?",
      {(series.points - 1) / kBlockPoints, series.run_number, series.number},
      [&](const db::Row& row) { points.push_back(PointOf(row, 0)); }));
  if (!std::ranges::is_sorted(points)) std::ranges::sort(points);
  points.erase(std::ranges::unique(points).begin(), points.end());
  return points;
}

Result<std::vector<StoredSeries>> SeriesOfRuns(db::Reader& reader, const BulkHistoryQuery& query) {
  std::vector<std::string> ids = query.run_ids;
  std::ranges::sort(ids);
  ids.erase(std::ranges::unique(ids).begin(), ids.end());
  std::vector<StoredSeries> out;
  for (const auto& id : ids) {
    auto series = TRY(FindSeries(reader, id, query.key));
    if (series) out.push_back(*std::move(series));
  }
  return out;
}

// At most `count_max` of the points, which are in order: the first of as many buckets of even size,
// the larger ones in front (SQL's NTILE), and the last point in place of the last bucket's.
std::vector<Point> Sample(const std::vector<Point>& points, size_t count_max) {
  if (points.size() <= count_max) return points;
  const size_t size = points.size() / count_max, larger = points.size() % count_max;
  std::vector<Point> sampled;
  for (size_t i = 0; i < count_max; ++i) {
    sampled.push_back(points[i * size + std::min(i, larger)]);
  }
  sampled.back() = points.back();
  return sampled;
}

}  // namespace

Status InsertMetrics(db::Tx& tx, const RunRow& run, const std::vector<Metric>& metrics) {
  if (metrics.empty()) return {};
  SeriesOfBatch series;
  std::vector<PlacedPoint> points;
  points.reserve(metrics.size());
  for (const auto& metric : metrics) {
    const Point point = ToPoint(metric);
    const auto [found, added] = series.places.emplace(metric.key, series.all.size());
    if (added) {
      series.all.push_back({.key = metric.key, .latest = point});
    } else if (auto& latest = series.all[found->second].latest; IsLater(point, latest)) {
      latest = point;
    }
    points.emplace_back(found->second, point);
  }
  TRY(FindStored(tx, run, series));
  TRY(NumberNew(tx, series.all));
  TRY(InsertPoints(tx, run, series.all, points));
  return WriteSeries(tx, run, series.all);
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
  const auto points = TRY(ReadPoints(reader, *series));
  const auto count = static_cast<int64_t>(points.size());
  const int64_t begin = std::min(offset, count);
  const int64_t end = begin + std::min(query.max_results.value_or(count), count - begin);
  page.items.reserve(static_cast<size_t>(end - begin));
  for (int64_t i = begin; i < end; ++i) {
    page.items.push_back(ToMetric(points[static_cast<size_t>(i)], query.key, ""));
  }
  if (end < count) page.next_token = MakePageToken(end);
  return page;
}

Result<std::vector<Metric>> BulkHistory(db::Reader& reader, const BulkHistoryQuery& query) {
  std::vector<Metric> out;
  for (const auto& series : TRY(SeriesOfRuns(reader, query))) {
    for (const Point& point : TRY(ReadPoints(reader, series))) {
      if (static_cast<int64_t>(out.size()) >= query.max_results) return out;
      out.push_back(ToMetric(point, query.key, series.run_id));
    }
  }
  return out;
}

Result<std::vector<Metric>> SampledHistory(db::Reader& reader, const SampledHistoryQuery& query) {
  std::vector<Metric> out;
  for (const auto& id : query.run_ids) {
    const auto series = TRY(FindSeries(reader, id, query.key));
    if (!series) continue;
    auto points = TRY(ReadPoints(reader, *series));
    if (query.steps) {
      const auto [first, last] = *query.steps;
      std::erase_if(points,
                    [&](const Point& point) { return point.step < first || point.step > last; });
    }
    std::ranges::stable_sort(points, {}, &Point::step);
    for (const Point& point : Sample(points, static_cast<size_t>(query.max_results))) {
      out.push_back(ToMetric(point, query.key, id));
    }
  }
  return out;
}

}  // namespace tatara::tracking
