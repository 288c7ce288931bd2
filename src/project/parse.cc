#include <algorithm>

#include "base/strings.h"
#include "base/yaml_fields.h"
#include "project/check.h"
#include "project/project.h"

namespace tatara::project {
namespace {

constexpr std::string_view kLaterEngines[] = {"docker", "slurm", "kubernetes", "aws-batch",
                                              "aws-ecs"};

// Calls parse(name, node) for each entry of a section and collects what it gives.
template <class T, class Fn>
Status ParseEntries(const Yaml* section, const std::string& what, std::vector<T>& out, Fn&& parse) {
  if (section == nullptr) return {};
  if (!section->IsMap()) return std::unexpected(YamlError(*section, what + " must be a map"));
  for (const auto& [key, value] : section->entries) {
    if (!key.IsScalar() || key.scalar.empty()) {
      return std::unexpected(YamlError(key, what + ": a name is wanted"));
    }
    out.push_back(TRY(parse(key.scalar, value)));
  }
  return {};
}

Result<PipelineSpec> ParsePipeline(const std::string& name, const Yaml& node) {
  PipelineSpec spec;
  spec.name = name;
  if (node.IsScalar()) {
    spec.file = node.scalar;
  } else {
    YamlFields fields(node, "pipeline '" + name + "'");
    spec.file = fields.TextOr("file", spec.file);
    const Yaml* register_node = fields.Node("register");
    const Yaml* gate_node = fields.Node("gate");
    const Yaml* promote_node = fields.Node("promote");
    TRY(fields.Finish());
    spec.release = TRY(release::ParseRelease(register_node, gate_node, promote_node));
  }
  if (!spec.file.ends_with("dvc.yaml")) {
    Error error = YamlError(node, "pipeline '" + name + "': '" + spec.file +
                                      "' is not in this version; a dvc.yaml is wanted");
    error.code = Code::kUnsupported;
    return std::unexpected(error);
  }
  return spec;
}

Result<std::pair<std::string, pipelines::StageResources>> ParseResources(const std::string& name,
                                                                         const Yaml& node) {
  YamlFields fields(node, "resources of '" + name + "'");
  pipelines::StageResources needs;
  needs.queue = fields.TextOr("queue", needs.queue);
  needs.cpus = fields.DoubleOr("cpus", needs.cpus);
  needs.retries = fields.IntOr("retries", needs.retries);
  needs.timeout = fields.DurationOr("timeout", needs.timeout);
  if (auto memory = fields.OptionalText("memory")) {
    auto bytes = ParseBytes(*memory);
    if (bytes)
      needs.memory = *bytes;
    else
      fields.Fail(YamlError(*node.Find("memory"), bytes.error().message));
  }
  for (const char* later : {"gpus", "image"}) fields.Refuse(later, "is not in this version");
  TRY(fields.Finish());
  if (!(needs.cpus > 0)) {
    return std::unexpected(YamlError(node, "resources of '" + name + "': cpus must be above 0"));
  }
  return std::pair(name, needs);
}

Result<QueueSpec> ParseQueue(const std::string& name, const Yaml& node) {
  YamlFields fields(node, "queue '" + name + "'");
  QueueSpec spec{.name = name};
  const std::string engine = fields.TextOr("engine", "process");
  if (fields.Node("cpus") != nullptr) spec.cpus = fields.DoubleOr("cpus", 1);
  if (auto memory = fields.OptionalText("memory")) {
    auto bytes = ParseBytes(*memory);
    if (bytes)
      spec.memory = *bytes;
    else
      fields.Fail(YamlError(*node.Find("memory"), bytes.error().message));
  }
  if (std::ranges::find(kLaterEngines, engine) != std::end(kLaterEngines)) {
    Error error = YamlError(
        node, "queue '" + name + "': engine '" + engine + "' is not in this version; 'process' is");
    error.code = Code::kUnsupported;
    return std::unexpected(error);
  }
  TRY(fields.Finish());
  if (engine != "process") {
    const std::vector<std::string> known = {"process"};
    return std::unexpected(YamlError(
        node, "queue '" + name + "': unknown engine '" + engine + "'" + DidYouMean(engine, known)));
  }
  return spec;
}

// Inherits what a more general entry says: `default` is read first.
void FillFromDefault(Project& project, const Yaml* section) {
  if (section == nullptr) return;
  const auto found = std::ranges::find(project.resources, "default",
                                       &std::pair<std::string, pipelines::StageResources>::first);
  if (found == project.resources.end()) return;
  const pipelines::StageResources base = found->second;
  for (auto& [name, needs] : project.resources) {
    const Yaml* node = section->Find(name);
    if (name == "default" || node == nullptr) continue;
    if (node->Find("queue") == nullptr) needs.queue = base.queue;
    if (node->Find("cpus") == nullptr) needs.cpus = base.cpus;
    if (node->Find("memory") == nullptr) needs.memory = base.memory;
    if (node->Find("timeout") == nullptr) needs.timeout = base.timeout;
    if (node->Find("retries") == nullptr) needs.retries = base.retries;
  }
}

template <class T>
std::vector<std::string> NamesOf(const std::vector<T>& items) {
  std::vector<std::string> names;
  for (const T& item : items) names.push_back(item.name);
  return names;
}

// What one section says about another.
Status CheckReferences(const Project& project, const Yaml& root) {
  const auto entry = [&](std::string_view section, const std::string& name) -> const Yaml& {
    const Yaml* map = root.Find(section);
    const Yaml* node = map == nullptr ? nullptr : map->Find(name);
    return node == nullptr ? root : *node;
  };
  const auto need = [&](const Yaml& at, const std::string& what, const std::string& name,
                        const std::vector<std::string>& known) -> Status {
    if (std::ranges::find(known, name) != known.end()) return {};
    return std::unexpected(
        YamlError(at, "there is no " + what + " '" + name + "'" + DidYouMean(name, known)));
  };
  const auto endpoints = NamesOf(project.endpoints), pipelines = NamesOf(project.pipelines),
             notices = NamesOf(project.notices);
  std::vector<std::string> queues = NamesOf(project.queues);
  queues.emplace_back("local");
  for (const auto& spec : project.monitors) {
    TRY(need(entry("monitors", spec.name), "endpoint", spec.endpoint, endpoints));
  }
  for (const auto& spec : project.rules) {
    const Yaml& at = entry("rules", spec.name);
    if (!spec.run.empty()) TRY(need(at, "pipeline", spec.run, pipelines));
    if (!spec.notify.empty()) TRY(need(at, "notice", spec.notify, notices));
    if (spec.blocked_by && !spec.blocked_by->notify.empty()) {
      TRY(need(at, "notice", spec.blocked_by->notify, notices));
    }
  }
  for (const auto& [name, needs] : project.resources) {
    TRY(need(entry("resources", name), "queue", needs.queue, queues));
  }
  return {};
}

Result<Project> ParseTree(const Yaml& root, const ParseOptions& options) {
  if (!root.IsMap()) return Invalid("line 1: a map is wanted, beginning with project: NAME");
  YamlFields fields(root, options.file);
  Project project;
  project.name = fields.Text("project");
  const Yaml* pipelines = fields.Node("pipelines");
  const Yaml* resources = fields.Node("resources");
  const Yaml* queues = fields.Node("queues");
  const Yaml* features = fields.Node("features");
  const Yaml* endpoints = fields.Node("endpoints");
  const Yaml* monitors = fields.Node("monitors");
  const Yaml* alarms = fields.Node("alarms");
  const Yaml* rules = fields.Node("rules");
  const Yaml* notices = fields.Node("notices");
  TRY(fields.Finish());
  TRY(ParseEntries(pipelines, "pipelines", project.pipelines, ParsePipeline));
  TRY(ParseEntries(resources, "resources", project.resources, ParseResources));
  FillFromDefault(project, resources);
  TRY(ParseEntries(queues, "queues", project.queues, ParseQueue));
  if (features != nullptr) project.features = TRY(features::ParseFeatures(*features));
  TRY(ParseEntries(endpoints, "endpoints", project.endpoints,
                   [](const std::string& name, const Yaml& node) -> Result<serving::EndpointSpec> {
                     auto spec = TRY(serving::ParseEndpoint(name, node));
                     TRY(CheckAlias(spec, node));
                     return spec;
                   }));
  TRY(ParseEntries(monitors, "monitors", project.monitors,
                   [&](const std::string& name, const Yaml& node) -> Result<monitor::MonitorSpec> {
                     auto spec = TRY(monitor::ParseMonitor(name, node));
                     TRY(CheckExpect(spec, node, options));
                     return spec;
                   }));
  TRY(ParseEntries(alarms, "alarms", project.alarms, [](const std::string& name, const Yaml& node) {
    return telemetry::ParseAlarm(name, node);
  }));
  TRY(ParseEntries(rules, "rules", project.rules, events::ParseRule));
  TRY(ParseEntries(notices, "notices", project.notices,
                   [&](const std::string& name, const Yaml& node) {
                     return events::ParseNotice(name, node, options.lookup);
                   }));
  TRY(CheckReferences(project, root));
  if (rules != nullptr) project.warnings = MissingAlarms(project, *rules, options.file);
  if (alarms != nullptr) {
    std::ranges::copy(UnwrittenSeries(project, *alarms, options.file),
                      std::back_inserter(project.warnings));
  }
  return project;
}

}  // namespace

const PipelineSpec* Project::FindPipeline(std::string_view pipeline) const {
  for (const PipelineSpec& spec : pipelines) {
    if (spec.name == pipeline) return &spec;
  }
  return nullptr;
}

Result<Project> Parse(std::string_view text, const ParseOptions& options) {
  auto root = ParseYaml(text);
  if (!root) return std::unexpected(InFile(options.file, root.error()));
  auto project = ParseTree(*root, options);
  if (!project) return std::unexpected(InFile(options.file, project.error()));
  return project;
}

}  // namespace tatara::project
