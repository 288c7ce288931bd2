#include "telemetry/series.h"

#include <cmath>

namespace tatara::telemetry {
namespace {

std::string DimensionsText(const Dimensions& dimensions) {
  Json out = Json::MakeObject();
  for (const auto& [name, value] : dimensions) out.AsObject().emplace_back(name, value);
  return out.Dump();
}

Dimensions DimensionsOf(std::string_view text) {
  Dimensions out;
  if (auto json = ParseJson(text); json && json->IsObject()) {
    for (const auto& [name, value] : json->AsObject()) {
      if (value.IsString()) out[name] = value.AsString();
    }
  }
  return out;
}

Result<int64_t> SeriesNumber(db::Tx& tx, const std::string& metric, const Dimensions& dimensions) {
  const std::string text = DimensionsText(dimensions);
  auto number = TRY(tx.One("SELECT number FROM series WHERE metric = ? AND dimensions = ?",
                           {metric, text}, [](const db::Row& row) { return row.Int(0); }));
  if (number) return *number;
  const int64_t next = TRY(tx.Count("SELECT MAX(number) FROM series", {})) + 1;
  TRY(tx.Exec("INSERT INTO series (number, metric, dimensions) VALUES (?, ?, ?)",
              {next, metric, text}));
  return next;
}

}  // namespace

Status PutPoint(db::Tx& tx, const NewPoint& point) {
  if (point.metric.empty()) return Invalid("a data point needs the name of its metric");
  const Samples& s = point.samples;
  if (!std::isfinite(s.sum) || !std::isfinite(s.minimum) || !std::isfinite(s.maximum) ||
      !(s.count > 0)) {
    return Invalid("metric " + point.metric + ": a data point must be a finite number");
  }
  const int64_t series = TRY(SeriesNumber(tx, point.metric, point.dimensions));
  const int64_t position = TRY(tx.Count("SELECT MAX(position) FROM points", {})) + 1;
  const std::string source = point.source.empty() ? "#" + std::to_string(position) : point.source;
  TRY(
      tx.Exec("INSERT INTO points (series, time, source, count, sum, minimum, maximum, arrives, "
              "cause, position) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
              "ON CONFLICT (series, time, source) DO UPDATE SET count = excluded.count, "
              "sum = excluded.sum, minimum = excluded.minimum, maximum = excluded.maximum, "
              "arrives = excluded.arrives, cause = excluded.cause, position = excluded.position",
              {series, point.time, source, s.count, s.sum, s.minimum, s.maximum, point.arrives,
               point.cause, position}));
  return {};
}

Result<std::vector<Series>> ListSeries(db::Reader& reader, const SeriesFilter& filter) {
  std::vector<Series> out;
  TRY(reader.Query("SELECT number, metric, dimensions FROM series ORDER BY metric, dimensions", {},
                   [&](const db::Row& row) {
                     Series series{row.Int(0), row.Text(1), DimensionsOf(row.View(2))};
                     if (!filter.metric.empty() && series.metric != filter.metric) return;
                     for (const auto& [name, value] : filter.dimensions) {
                       const auto found = series.dimensions.find(name);
                       if (found == series.dimensions.end() || found->second != value) return;
                     }
                     out.push_back(std::move(series));
                   }));
  return out;
}

Result<std::optional<Series>> FindSeries(db::Reader& reader, const std::string& metric,
                                         const Dimensions& dimensions) {
  return reader.One(
      "SELECT number, metric, dimensions FROM series "
      "WHERE metric = ? AND dimensions = ?",
      {metric, DimensionsText(dimensions)}, [](const db::Row& row) {
        return Series{row.Int(0), row.Text(1), DimensionsOf(row.View(2))};
      });
}

Result<std::vector<Point>> ListPoints(db::Reader& reader, int64_t series, Time from, Time to) {
  return reader.All(
      "SELECT time, count, sum, minimum, maximum, arrives FROM points "
      "WHERE series = ? AND time >= ? AND time < ? ORDER BY time, position",
      {series, from, to}, [](const db::Row& row) {
        return Point{
            row.At(0), {row.Double(1), row.Double(2), row.Double(3), row.Double(4)}, row.At(5)};
      });
}

}  // namespace tatara::telemetry
