#include <algorithm>

#include "project/project.h"

namespace tatara::project {
namespace {

Json EnvironmentJson(const os::Environment& environment) {
  Json json = Json::MakeObject();
  for (const auto& [name, value] : environment) json.AsObject().emplace_back(name, value);
  return json;
}

Applied AppliedOf(const db::Row& row) {
  Applied applied;
  applied.name = row.Text(0);
  applied.folder = row.Text(1);
  applied.text = row.Text(2);
  if (auto json = ParseJson(row.View(3)); json && json->IsObject()) {
    for (const auto& [name, value] : json->AsObject()) {
      if (value.IsString()) applied.environment[name] = value.AsString();
    }
  }
  return applied;
}

constexpr std::string_view kAppliedColumns = "SELECT name, folder, text, environment FROM projects";

Status StoreItems(db::Tx& tx, const std::string& project, const std::vector<Change>& changes) {
  for (const Change& change : changes) {
    if (change.kind == Change::Kind::kRemove) {
      TRY(tx.Exec("DELETE FROM project_items WHERE project = ? AND kind = ? AND name = ?",
                  {project, change.item_kind, change.name}));
      continue;
    }
    TRY(
        tx.Exec("INSERT INTO project_items (project, kind, name, spec) VALUES (?, ?, ?, ?) "
                "ON CONFLICT (project, kind, name) DO UPDATE SET spec = excluded.spec",
                {project, change.item_kind, change.name, change.after.Dump()}));
  }
  return {};
}

}  // namespace

Result<std::vector<Item>> AppliedItems(db::Reader& reader, const std::string& project) {
  return reader.All(
      "SELECT kind, name, spec FROM project_items WHERE project = ? "
      "ORDER BY kind, name",
      {project}, [](const db::Row& row) {
        return Item{row.Text(0), row.Text(1), ParseJson(row.View(2)).value_or(Json())};
      });
}

Result<std::optional<Applied>> FindApplied(db::Reader& reader, const std::string& project) {
  return reader.One(std::string(kAppliedColumns) + " WHERE name = ?", {project}, AppliedOf);
}

Result<std::vector<Applied>> ListApplied(db::Reader& reader) {
  return reader.All(std::string(kAppliedColumns) + " ORDER BY name", {}, AppliedOf);
}

Result<std::vector<Change>> Apply(db::Tx& tx, const ApplyRequest& request, const Project& project,
                                  Time now) {
  const std::vector<Change> changes =
      Difference(TRY(AppliedItems(tx, project.name)), ItemsOf(project));
  TRY(
      tx.Exec("INSERT INTO projects (name, folder, text, environment, applied) "
              "VALUES (?, ?, ?, ?, ?) ON CONFLICT (name) DO UPDATE SET folder = excluded.folder, "
              "text = excluded.text, environment = excluded.environment, "
              "applied = excluded.applied",
              {project.name, request.folder, request.text,
               EnvironmentJson(request.environment).Dump(), now}));
  TRY(StoreItems(tx, project.name, changes));
  TRY(serving::Serving::SetEndpoints(tx, project.name, project.endpoints, now));
  TRY(monitor::Monitor::Set(tx, project.name, project.monitors, now));
  TRY(telemetry::Alarms::Set(tx, project.name, project.alarms, now));
  TRY(events::Notices::Set(tx, project.name, project.notices));
  TRY(events::Rules::Set(tx, project.name, project.rules, now));
  if (changes.empty()) return changes;
  Json::Array list;
  for (const Change& change : changes) {
    list.push_back(Json::Of({{"kind", change.item_kind},
                             {"name", change.name},
                             {"action", change.kind == Change::Kind::kAdd      ? "add"
                                        : change.kind == Change::Kind::kChange ? "change"
                                                                               : "remove"}}));
  }
  TRY(events::Append(
      tx, {.time = now,
           .source = "tatara.project",
           .type = "project_applied",
           .subject = project.name,
           .detail = Json::Of({{"project", project.name}, {"changes", std::move(list)}})}));
  return changes;
}

Result<std::map<std::string, jobs::QueueLimits>> QueuesOf(db::Reader& reader,
                                                          const jobs::QueueLimits& machine) {
  std::map<std::string, jobs::QueueLimits> queues = {{"local", machine}};
  TRY(reader.Query("SELECT name, spec FROM project_items WHERE kind = 'queue'", {},
                   [&](const db::Row& row) {
                     const Json spec = ParseJson(row.View(1)).value_or(Json());
                     jobs::QueueLimits limits = machine;
                     if (auto cpus = spec.GetDouble("cpus")) limits.cpus = *cpus;
                     if (auto memory = spec.GetInt("memory")) limits.memory = *memory;
                     queues[row.Text(0)] = limits;
                   }));
  return queues;
}

pipelines::RunRequest RunRequestOf(const Project& project, const PipelineSpec& pipeline,
                                   const std::string& folder, os::Environment environment) {
  pipelines::RunRequest request;
  request.folder = folder;
  request.name = pipeline.name;
  request.file = pipeline.file;
  request.resources = project.resources;
  // `default` first, so that every later match wins over it.
  std::ranges::stable_partition(request.resources,
                                [](const auto& entry) { return entry.first == "default"; });
  for (auto& [glob, needs] : request.resources) {
    if (glob == "default") glob = "*";
  }
  request.environment = std::move(environment);
  request.environment["MLFLOW_EXPERIMENT_NAME"] = project.name;
  if (pipeline.release) request.release = release::ToJson(*pipeline.release);
  return request;
}

}  // namespace tatara::project
