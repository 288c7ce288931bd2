// The door of project: tatara.yaml -> desired state -> difference -> changes.
//
// Invariants
//  1. Parsing needs no home and no server, and complains with file, line and the nearest key.
//  2. Applying twice is applying once: equal specs make no change.
//  3. What an earlier apply of this project made and the file no longer holds is removed.
//  4. All of an apply is one transaction: everything, or nothing and the reason.
// Threads: pure functions from any; Apply inside a write transaction.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "db/db.h"
#include "events/events.h"
#include "features/features.h"
#include "jobs/jobs.h"
#include "monitor/monitor.h"
#include "pipelines/pipelines.h"
#include "release/release.h"
#include "serving/serving.h"
#include "telemetry/telemetry.h"

namespace tatara::project {

struct PipelineSpec {
  std::string name;
  std::string file = "dvc.yaml";
  std::optional<release::ReleaseSpec> release;
};

struct QueueSpec {
  std::string name;
  std::optional<double> cpus;     // nothing: the machine's
  std::optional<int64_t> memory;  // bytes
};

struct Project {
  std::string name;
  std::vector<PipelineSpec> pipelines;
  std::vector<std::pair<std::string, pipelines::StageResources>> resources;  // glob -> needs
  std::vector<QueueSpec> queues;
  features::FeatureConfig features;
  std::vector<serving::EndpointSpec> endpoints;
  std::vector<monitor::MonitorSpec> monitors;
  std::vector<telemetry::AlarmSpec> alarms;
  std::vector<events::RuleSpec> rules;
  std::vector<events::NoticeSpec> notices;
  // What may be meant so but is likely a mistake, a line each: "tatara.yaml:9: rule 'r': ...".
  std::vector<std::string> warnings;

  const PipelineSpec* FindPipeline(std::string_view pipeline) const;
};

struct ParseOptions {
  std::string file = "tatara.yaml";  // for messages
  events::Lookup lookup;             // the variables of `apply`'s environment, for ${NAME}
  // Says whether an SQL query is well formed; null: not asked.
  std::function<Status(const std::string& query)> check_sql;
};
// The text of a tatara.yaml. Errors begin with "FILE:N: ".
Result<Project> Parse(std::string_view text, const ParseOptions& options);
// For `check_sql`: asks the SQL engine, which loads at the first query. Where it cannot be loaded
// every query passes. For one Parse; one thread.
std::function<Status(const std::string& query)> SqlChecker();

// One thing of a project in canonical form.
struct Item {
  std::string kind;
  std::string name;
  Json spec;
};
std::vector<Item> ItemsOf(const Project& project);

struct Change {
  enum class Kind { kAdd, kChange, kRemove };
  Kind kind = Kind::kAdd;
  std::string item_kind, name;
  Json before, after;
};
// What must change to come from `present` to `wanted`: pure, in order of kind and name.
std::vector<Change> Difference(const std::vector<Item>& present, const std::vector<Item>& wanted);
Json ToJson(const std::vector<Change>& changes);

Result<std::vector<Item>> AppliedItems(db::Reader& reader, const std::string& project);

// What apply was given.
struct Applied {
  std::string name, folder, text;
  os::Environment environment;
};
Result<std::optional<Applied>> FindApplied(db::Reader& reader, const std::string& project);
Result<std::vector<Applied>> ListApplied(db::Reader& reader);

struct ApplyRequest {
  std::string folder;
  std::string text;
  os::Environment environment;
};
// Makes it so and returns what changed. The caller wakes control afterwards.
Result<std::vector<Change>> Apply(db::Tx& tx, const ApplyRequest& request, const Project& project,
                                  Time now);

// The queues of all applied projects beside "local", which always exists; `machine` is what a queue
// has that says nothing.
Result<std::map<std::string, jobs::QueueLimits>> QueuesOf(db::Reader& reader,
                                                          const jobs::QueueLimits& machine);

// What a run of this pipeline asks for; the caller adds targets, options, parameters and cause.
pipelines::RunRequest RunRequestOf(const Project& project, const PipelineSpec& pipeline,
                                   const std::string& folder, os::Environment environment);

// Completes what a person asks of `tatara run`: the tatara.yaml of the folder, or of a folder above
// it up to the repository's root, says which pipeline a target names, what its stages need and what
// follows. A first target that is no pipeline's name is a target of the default (first) pipeline,
// and then nothing follows. Without a tatara.yaml the request is what it was. Reads files.
Result<pipelines::RunRequest> Resolve(pipelines::RunRequest request);

}  // namespace tatara::project
