#include "pipelines/command.h"

#include "base/strings.h"
#include "os/files.h"
#include "pipelines/dvcfile.h"
#include "pipelines/templating.h"

namespace tatara::pipelines {
namespace {

std::vector<std::string> ShellArgv(const std::string& shell) {
  const std::string name = Lower(os::NameOf(shell));
  if (name == "bash") return {shell, "--noprofile", "--norc", "-c"};
  if (name == "zsh") return {shell, "--no-rcs", "-c"};
  if (name == "fish") return {shell, "--no-config", "-c"};
  return {shell, "-c"};
}

std::string Quoted(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : " ") + ShellQuote(word);
  return out;
}

Status ApplyMeta(const Value& meta, StageResources& out) {
  if (!meta.IsMap()) return {};
  for (const auto& [key, value] : meta.AsMap()) {
    if (!key.IsString() || !value.IsScalar()) continue;
    const std::string text = ScalarText(value);
    const std::string& name = key.AsString();
    if (name == "queue") out.queue = text;
    if (name == "cpus" && (!ParseDouble(text, out.cpus) || !(out.cpus > 0))) {
      return Invalid("meta.cpus must be a number above 0, not '" + text + "'");
    }
    if (name == "memory") out.memory = TRY(ParseBytes(text));
    if (name == "timeout") out.timeout = TRY(ParseDuration(text));
    if (name == "retries" && !ParseInt(text, out.retries)) {
      return Invalid("meta.retries must be a number, not '" + text + "'");
    }
    for (const char* later : {"engine", "image", "gpus"}) {
      if (name == later) return Unsupported("meta." + name + " is not in this version");
    }
  }
  return {};
}

}  // namespace

std::vector<std::string> StageArgv(const Stage& stage, const std::string& shell,
                                   bool remove_outputs) {
  const std::vector<std::string> commands = CommandLines(stage);
  const std::vector<std::string> by_shell = ShellArgv(shell.empty() ? "/bin/sh" : shell);
  std::vector<std::string> outputs;
  for (const Output& out : stage.outs) {
    if (remove_outputs && !out.persist) outputs.push_back(out.absolute);
  }
  if (commands.size() == 1 && outputs.empty()) {
    std::vector<std::string> argv = by_shell;
    argv.push_back(commands[0]);
    return argv;
  }
  std::string script;
  if (!outputs.empty()) script = "rm -rf -- " + Quoted(outputs) + " || exit\n";
  for (const std::string& command : commands) {
    script += Quoted(by_shell) + " " + ShellQuote(command) + " || exit\n";
  }
  return {"/bin/sh", "-c", script};
}

Result<StageResources> ResourcesFor(const Stage& stage, const RunRequest& request) {
  StageResources out;
  for (const auto& [glob, resources] : request.resources) {
    if (GlobMatch(glob, stage.name) || GlobMatch(glob, stage.id)) out = resources;
  }
  TRY(ApplyMeta(stage.meta, out));
  return out;
}

Result<jobs::JobSpec> StageJob(const Stage& stage, const RunRequest& request,
                               const std::string& root, const std::string& work_folder) {
  const StageResources resources = TRY(ResourcesFor(stage, request));
  jobs::JobSpec spec;
  spec.name = stage.id;
  spec.queue = resources.queue;
  spec.cpus = resources.cpus;
  spec.memory = resources.memory;
  spec.timeout = resources.timeout;
  spec.retries = resources.retries;
  spec.folder = stage.wdir;
  spec.environment = request.environment;
  const auto shell = request.environment.find("SHELL");
  spec.argv = StageArgv(stage, shell == request.environment.end() ? "" : shell->second,
                        resources.retries > 0);
  spec.environment.emplace("DVC_ROOT", root);
  const std::string file = RelativePath(stage.file, work_folder);
  spec.environment["DVC_STAGE"] = file == "dvc.yaml" ? stage.name : file + ":" + stage.name;
  return spec;
}

}  // namespace tatara::pipelines
