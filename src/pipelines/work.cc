#include "pipelines/work.h"

#include <algorithm>

#include "base/strings.h"
#include "os/files.h"
#include "pipelines/data_file.h"
#include "pipelines/dvcfile.h"
#include "pipelines/params.h"

namespace tatara::pipelines {
namespace {

constexpr int64_t kTextMax = 64 << 20;

std::string LockPath(const Stage& stage) { return os::ParentOf(stage.file) + "/dvc.lock"; }

bool InProject(const Project& project, const std::string& path) {
  return path.starts_with(project.root + "/");
}

// A pattern character in a name must not act as one in .gitignore.
std::string EscapedForGit(const std::string& name) {
  std::string out;
  for (const char c : name) {
    if (std::string_view("[]!*#?").find(c) != std::string_view::npos) out += '\\';
    out += c;
  }
  return out;
}

Status RefuseBinaryMetric(const Output& out) {
  const auto info = os::Stat(out.absolute);
  if (!info || info->kind != os::FileInfo::Kind::kFile) return {};
  os::File file = TRY(os::File::OpenRead(out.absolute));
  std::string first(512, '\0');
  const size_t got = TRY(file.Read(first));
  if (LooksLikeText({first.data(), got})) return {};
  return Invalid("the metric '" + out.path + "' is a binary file");
}

}  // namespace

Result<LockFile*> Locks::Open(const std::string& path) {
  if (const auto found = files_.find(path); found != files_.end()) return &found->second;
  auto text = os::ReadFile(path, kTextMax);
  if (!text && text.error().code != Code::kNotFound) return std::unexpected(text.error());
  auto lock = LockFile::Parse(text.value_or(""));
  if (!lock) return std::unexpected(Prefixed(path, lock.error()));
  return &files_.emplace(path, *std::move(lock)).first->second;
}

Result<std::optional<LockEntry>> Locks::Find(const Stage& stage) {
  std::lock_guard guard(mutex_);
  const LockEntry* entry = TRY(Open(LockPath(stage)))->Find(stage.name);
  return entry == nullptr ? std::optional<LockEntry>() : std::optional(*entry);
}

Status Locks::Set(const Stage& stage, LockEntry entry, size_t order) {
  std::lock_guard guard(mutex_);
  LockFile* lock = TRY(Open(LockPath(stage)));
  const LockEntry* old = lock->Find(stage.name);
  if (old != nullptr && PythonJson(ToValue(*old)) == PythonJson(ToValue(entry))) return {};
  lock->Set(stage.name, std::move(entry), order);
  changed_.insert(LockPath(stage));
  return {};
}

Status Locks::Flush() {
  std::lock_guard guard(mutex_);
  while (!changed_.empty()) {
    const std::string path = *changed_.begin();
    TRY(os::WriteFile(path, files_.at(path).Text()));
    unsynced_.AddFolder(os::ParentOf(path));
    changed_.erase(changed_.begin());
  }
  return {};
}

StageWork::StageWork(std::shared_ptr<const Project> project, Locks& locks, Digests& digests)
    : project_(std::move(project)),
      locks_(locks),
      digests_(digests),
      cache_(project_->cache_folder),
      dvc_ignore_(Ignore::Dvc(project_->root)) {}

Verdict StageWork::Check(size_t stage, const CheckOptions& options) {
  auto verdict = DoCheck(project_->stages[stage], options);
  if (verdict) return *std::move(verdict);
  return {Verdict::Kind::kFailed, verdict.error().message};
}

Status StageWork::Commit(size_t stage, size_t order) {
  return DoCommit(project_->stages[stage], order);
}

Result<std::optional<LockEntry>> StageWork::EntryOf(const Stage& stage) {
  if (!stage.IsData()) return locks_.Find(stage);
  const std::string text = TRY(os::ReadFile(stage.file, kTextMax));
  LockEntry entry;
  entry.outs = TRY(ParseDataItems(text));
  return std::optional(std::move(entry));
}

Result<std::optional<Value>> StageWork::ParamsOf(const std::string& path) {
  if (const auto found = params_.find(path); found != params_.end()) return found->second;
  auto value = ReadParamsFile(path);
  if (!value && value.error().code != Code::kNotFound) return std::unexpected(value.error());
  return params_[path] = value ? std::optional(*std::move(value)) : std::nullopt;
}

Result<StageFacts> StageWork::Gather(const Stage& stage, const LockEntry* entry) {
  StageFacts facts;
  const auto look = [&](const std::string& path, const LockItem* locked) -> Result<ItemFacts> {
    ItemFacts item{.exists = os::Exists(path)};
    if (!item.exists || locked == nullptr) return item;
    auto content = ReadContent(path, {&dvc_ignore_, &digests_, locked->legacy});
    if (!content && content.error().code == Code::kNotFound) return ItemFacts{};
    item.md5 = TRY(std::move(content)).md5;
    return item;
  };
  for (const Dependency& dep : stage.deps) {
    const bool needed = entry != nullptr && !stage.frozen;
    facts.deps.push_back(TRY(look(dep.absolute, needed ? entry->FindDep(dep.path) : nullptr)));
  }
  for (const ParamsDependency& params : stage.params) {
    facts.params.push_back(TRY(ParamsOf(params.absolute)));
  }
  for (const Output& out : stage.outs) {
    const LockItem* locked = entry == nullptr ? nullptr : entry->FindOut(out.path);
    ItemFacts item = TRY(look(out.absolute, locked));
    // An output that .dvcignore hides counts as missing.
    if (item.exists && dvc_ignore_.Ignored(out.absolute, false)) item.exists = false;
    if (locked != nullptr) item.in_cache = out.cache && cache_.Holds(locked->md5, locked->legacy);
    facts.outs.push_back(std::move(item));
  }
  return facts;
}

Result<Verdict> StageWork::DoCheck(const Stage& stage, const CheckOptions& options) {
  using Kind = Verdict::Kind;
  const std::optional<LockEntry> entry = TRY(EntryOf(stage));
  const LockEntry* locked = entry ? &*entry : nullptr;
  const StageFacts facts = TRY(Gather(stage, locked));
  const Changes changes = FindChanges(stage, locked, facts);
  if (!options.force && !changes.Any()) return Verdict{Kind::kSkip, ""};
  std::string why = options.force ? "it was forced" : changes.Why();
  if (stage.frozen || stage.IsData()) {
    for (size_t i = 0; i < stage.outs.size(); ++i) {
      if (facts.outs[i].exists) continue;
      return Invalid("'" + stage.outs[i].path + "' is missing; `dvc checkout` brings it back");
    }
    if (!options.dry) TRY(DoCommit(stage, options.order));
    return Verdict{Kind::kRecorded, std::move(why)};
  }
  for (size_t i = 0; i < stage.deps.size(); ++i) {
    if (!facts.deps[i].exists)
      return Invalid("the dependency '" + stage.deps[i].path + "' is missing");
  }
  for (size_t i = 0; i < stage.params.size(); ++i) {
    if (!facts.params[i]) return Invalid("the file '" + stage.params[i].path + "' is missing");
    std::vector<std::string> missing;
    (void)SelectParams(stage.params[i], *facts.params[i], missing);
    if (missing.empty()) continue;
    return Invalid("the parameter '" + missing[0] + "' is missing from " + stage.params[i].path);
  }
  if (!os::Exists(stage.wdir)) return Invalid("its folder " + stage.wdir + " does not exist");
  if (!options.dry) TRY(RemoveOutputs(stage));
  if (!options.force && TRY(Restore(stage, locked, changes, options))) {
    if (!options.dry) TRY(DoCommit(stage, options.order));
    return Verdict{Kind::kCached, std::move(why)};
  }
  return Verdict{Kind::kRun, std::move(why)};
}

Status StageWork::RemoveOutputs(const Stage& stage) {
  for (const Output& out : stage.outs) {
    if (out.persist) {
      // A file that the cache protects shall be writable for the command.
      const auto info = os::Stat(out.absolute);
      constexpr uint32_t kOwnerMayWrite = 0200;
      if (info && info->kind == os::FileInfo::Kind::kFile && (info->mode & kOwnerMayWrite) == 0) {
        const std::string copy = out.absolute + ".tmp-tatara";
        TRY(os::CopyFile(out.absolute, copy));
        TRY(os::ChangeMode(copy, info->mode | kOwnerMayWrite));
        TRY(os::Rename(copy, out.absolute));
      }
      continue;
    }
    TRY(os::RemoveTree(out.absolute));
  }
  return {};
}

// As DVC decides it: a whole parameter file that is empty counts as no hash at all.
bool StageWork::Restorable(const Stage& stage) {
  if (stage.always_changed || stage.outs.empty()) return false;
  if (stage.deps.empty() && stage.params.empty()) return false;
  for (const ParamsDependency& params : stage.params) {
    if (!params.keys.empty()) continue;
    const auto file = ParamsOf(params.absolute);
    if (file && *file && (*file)->IsMap() && (*file)->AsMap().empty()) return false;
  }
  return std::ranges::all_of(stage.outs, [&](const Output& out) {
    return !out.persist && InProject(*project_, out.absolute);
  });
}

// From the lock when nothing but the outputs changed, else from the run cache.
Result<bool> StageWork::Restore(const Stage& stage, const LockEntry* entry, const Changes& changes,
                                const CheckOptions& options) {
  if (!Restorable(stage)) return false;
  std::optional<LockEntry> source;
  const bool known = entry != nullptr && std::ranges::all_of(stage.outs, [&](const Output& out) {
                       const LockItem* item = entry->FindOut(out.path);
                       return item != nullptr && !item->md5.empty();
                     });
  if (known && changes.command.empty() && changes.inputs.empty()) {
    source.emplace();
    for (const Output& out : stage.outs) source->outs.push_back(*entry->FindOut(out.path));
  } else if (options.run_cache) {
    source = cache_.FindRun(TRY(ReadInputs(stage, entry)));
  }
  if (!source || source->outs.empty()) return false;
  for (const LockItem& item : source->outs) {
    if (!cache_.Holds(item.md5, item.legacy)) return false;
  }
  if (options.dry) return true;
  for (const Output& out : stage.outs) {
    const LockItem* item = source->FindOut(out.path);
    if (item == nullptr) return false;
    TRY(cache_.CheckOut(*item, out.absolute));
  }
  return true;
}

Result<LockItem> StageWork::ReadItem(const std::string& path, const std::string& absolute,
                                     const LockItem* old, Content* content) {
  Content read;
  const bool was_legacy = old != nullptr && old->legacy && !old->md5.empty();
  if (was_legacy) read = TRY(ReadContent(absolute, {&dvc_ignore_, &digests_, true}));
  const bool legacy = was_legacy && read.md5 == old->md5;
  if (!legacy) read = TRY(ReadContent(absolute, {&dvc_ignore_, &digests_, false}));
  LockItem item{.path = path,
                .md5 = read.md5,
                .legacy = legacy,
                .size = read.size,
                .file_count = read.file_count,
                .executable = read.executable};
  if (content != nullptr) *content = std::move(read);
  return item;
}

// The entry as far as the inputs go, with the outputs' paths: what the run cache is asked for.
Result<LockEntry> StageWork::ReadInputs(const Stage& stage, const LockEntry* old) {
  LockEntry entry;
  entry.command = stage.command;
  for (const Dependency& dep : stage.deps) {
    const LockItem* was = old == nullptr ? nullptr : old->FindDep(dep.path);
    auto item = ReadItem(dep.path, dep.absolute, was, nullptr);
    if (!item && item.error().code == Code::kNotFound) {
      if (os::Exists(dep.absolute)) {  // a folder with a link that leads nowhere
        return std::unexpected(Prefixed("the dependency '" + dep.path + "'", item.error()));
      }
      return Invalid("the dependency '" + dep.path + "' is missing");
    }
    entry.deps.push_back(TRY(std::move(item)));
  }
  for (const ParamsDependency& params : stage.params) {
    const std::optional<Value> file = TRY(ParamsOf(params.absolute));
    if (!file) return Invalid("the file '" + params.path + "' is missing");
    std::vector<std::string> missing;
    entry.params.Set(params.path, SelectParams(params, *file, missing));
    if (!missing.empty()) {
      return Invalid("the parameter '" + missing[0] + "' is missing from " + params.path);
    }
  }
  for (const Output& out : stage.outs) entry.outs.push_back({.path = out.path});
  SortEntry(entry);
  return entry;
}

Status StageWork::DoCommit(const Stage& stage, size_t order) {
  params_.clear();  // the command may have written one
  const std::optional<LockEntry> old = TRY(EntryOf(stage));
  LockEntry entry = TRY(ReadInputs(stage, old ? &*old : nullptr));
  entry.outs.clear();
  bool plain_uncached = false;
  std::vector<std::pair<const Output*, Content>> contents;
  for (const Output& out : stage.outs) {
    if (!os::Exists(out.absolute) || dvc_ignore_.Ignored(out.absolute, false)) {
      return Invalid("the output '" + out.path + "' was not made");
    }
    if (out.metric) TRY(RefuseBinaryMetric(out));
    const LockItem* was = old ? old->FindOut(out.path) : nullptr;
    Content content;
    entry.outs.push_back(TRY(ReadItem(out.path, out.absolute, was, &content)));
    if (!out.cache && !out.metric && !out.plot) plain_uncached = true;
    contents.emplace_back(&out, std::move(content));
  }
  const bool to_run_cache = !stage.IsData() && !plain_uncached && Restorable(stage);
  for (size_t i = 0; i < contents.size(); ++i) {
    const auto& [out, content] = contents[i];
    if (out->cache && InProject(*project_, out->absolute)) TRY(AddToGitIgnore(*out));
    if ((out->cache || to_run_cache) && !entry.outs[i].legacy) {
      TRY(cache_.Add(out->absolute, content, locks_.unsynced()));
    }
  }
  if (stage.IsData()) {
    const std::string text = TRY(os::ReadFile(stage.file, kTextMax));
    const std::string changed = TRY(SetDataItems(text, entry.outs));
    return changed == text ? Status{} : os::WriteFileDurably(stage.file, changed);
  }
  SortEntry(entry);
  if (to_run_cache) TRY(cache_.AddRun(entry));
  return locks_.Set(stage, std::move(entry), order);
}

Status StageWork::AddToGitIgnore(const Output& out) {
  if (project_->git_root.empty()) return {};
  if (!git_ignore_) git_ignore_ = Ignore::Git(project_->git_root);
  const auto info = os::StatLink(out.absolute);
  const bool folder = info && info->kind == os::FileInfo::Kind::kDirectory;
  if (git_ignore_->Ignored(out.absolute, folder)) return {};
  const std::string path = os::ParentOf(out.absolute) + "/.gitignore";
  std::string text = os::ReadFile(path, kTextMax).value_or("");
  const std::string line = "/" + EscapedForGit(os::NameOf(out.absolute)) + "\n";
  const bool stands_there = ("\n" + text).find("\n" + line) != std::string::npos;
  if (stands_there) return {};
  if (!text.empty() && !text.ends_with('\n')) text += '\n';
  git_ignore_.reset();
  return os::WriteFile(path, text + line);
}

}  // namespace tatara::pipelines
