// Time series with dimensions: what monitors, endpoints and users measure, on the clock.
//
// A series is a metric's name and the exact set of its dimensions. A point with a `source` is
// idempotent: (series, time, source) is written once and then replaced; one without is a sample of
// its own, so two at one time are two samples.
// Threads: Put inside any write transaction; the rest through any Reader.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/id.h"
#include "db/db.h"
#include "telemetry/alarm.h"

namespace tatara::telemetry {

struct NewPoint {
  std::string metric;
  Dimensions dimensions;
  Time time{};      // what the point describes: its window's start
  Samples samples;  // Samples::Of(value), or many samples in one
  Time arrives{};   // when it became known: the clock's now
  std::string source;
  EventId cause;  // the event that brought it, or empty; the cause of an alarm's event
};
// kInvalid for a value that is not finite, or a name that is empty.
Status PutPoint(db::Tx& tx, const NewPoint& point);

struct SeriesFilter {
  std::string metric;     // empty: all
  Dimensions dimensions;  // those that must be there; others may be
};
struct Series {
  int64_t number = 0;
  std::string metric;
  Dimensions dimensions;
};
Result<std::vector<Series>> ListSeries(db::Reader& reader, const SeriesFilter& filter);
Result<std::optional<Series>> FindSeries(db::Reader& reader, const std::string& metric,
                                         const Dimensions& dimensions);
// Points with from <= time < to, by time.
Result<std::vector<Point>> ListPoints(db::Reader& reader, int64_t series, Time from, Time to);

}  // namespace tatara::telemetry
