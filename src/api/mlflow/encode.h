// MLflow's entities as its JSON: unset fields left out, int64 as numbers, NaN as a string.
#pragma once

#include "base/json.h"
#include "registry/registry.h"
#include "tracking/tracking.h"

namespace tatara::api {

void WriteMetricValue(JsonWriter& out, double value);
void WriteKeyValues(JsonWriter& out, const std::vector<tracking::KeyValue>& pairs);
void WriteExperiment(JsonWriter& out, const tracking::Experiment& experiment);
void WriteRunInfo(JsonWriter& out, const tracking::RunInfo& info);
void WriteRun(JsonWriter& out, const tracking::Run& run);
void WriteMetric(JsonWriter& out, const tracking::Metric& metric);
void WriteLoggedModel(JsonWriter& out, const tracking::LoggedModel& model);
void WriteModel(JsonWriter& out, const registry::Model& model);
void WriteVersion(JsonWriter& out, const registry::Version& version);

// {"name": [item, ...], "next_page_token": ".."}, an empty list left out.
template <class T, class Fn>
std::string PageBody(std::string_view name, const tracking::Page<T>& page, Fn&& write) {
  std::string text;
  JsonWriter out(text);
  out.BeginObject();
  if (!page.items.empty()) {
    out.Key(name).BeginArray();
    for (const auto& item : page.items) write(out, item);
    out.EndArray();
  }
  if (!page.next_token.empty()) out.Key("next_page_token").String(page.next_token);
  out.EndObject();
  return text;
}

// {"name": item}
template <class T, class Fn>
std::string OneBody(std::string_view name, const T& item, Fn&& write) {
  std::string text;
  JsonWriter out(text);
  out.BeginObject().Key(name);
  write(out, item);
  out.EndObject();
  return text;
}

}  // namespace tatara::api
