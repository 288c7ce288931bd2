// The door of features: what a project says about its features, and training tables made of it by
// the point-in-time join.
//
// A row of the spine gets, from each view, the newest row of the source that was there at the
// spine's time: all keys equal, t <= spine time and, with a ttl, t >= spine time - ttl, both
// inclusive; `filter_created` adds created <= spine time. Of several the greatest t wins, then the
// greatest created (null smallest), then the view's columns from left to right. Nothing else is
// looked at, so equal rows give equal bytes, whatever the order of the files.
//
// Plain values and functions; a Build opens an SQL engine of its own. Any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "base/yaml.h"

namespace tatara::features {

struct Source {
  std::string name;
  std::string path;  // relative to the project's folder; may hold '*'
  std::string time;
  std::string created;            // empty: none
  std::vector<std::string> keys;  // empty: one series for all
};

struct View {
  std::string name;
  std::string source;
  std::optional<Duration> ttl;       // none: no bound
  std::vector<std::string> columns;  // empty: all but keys, time and created
  bool filter_created = false;
  bool online = false;
};

struct Service {
  std::string name;
  std::vector<std::string> views;
};

struct FeatureConfig {
  std::vector<Source> sources;
  std::vector<View> views;
  std::vector<Service> services;
};

// The `features:` section of a project file. kInvalid with the line and, for an unknown name, the
// nearest known one.
Result<FeatureConfig> ParseFeatures(const Yaml& node);

struct BuildOptions {
  std::string folder = ".";  // sources' paths are relative to it
  std::string spine;         // Parquet or CSV
  std::string output;        // Parquet or CSV; whole and durable, or as it was
  std::string time_column = "event_timestamp";
  bool full_names = false;  // view__column
};

struct BuildReport {
  struct ViewMatches {
    std::string view;
    int64_t matched = 0;  // spine rows that got a row
  };
  int64_t rows = 0;
  std::vector<ViewMatches> views;
};

// `tatara features build`. Unknown service: kNotFound. Bad columns, types or names: kInvalid.
Result<BuildReport> Build(const FeatureConfig& config, std::string_view service,
                          const BuildOptions& options);

}  // namespace tatara::features
