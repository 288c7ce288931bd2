#include "pipelines/ignore.h"

#include <algorithm>

#include "base/strings.h"
#include "os/files.h"

namespace tatara::pipelines {
namespace {

// One character against `[...]`; moves `glob` behind it. False at once when it is not closed.
bool MatchClass(std::string_view& glob, char c, bool& closed) {
  size_t at = 1;
  const bool negated = at < glob.size() && (glob[at] == '!' || glob[at] == '^');
  if (negated) ++at;
  bool hit = false;
  for (bool first = true; at < glob.size() && (first || glob[at] != ']'); first = false) {
    char low = glob[at] == '\\' && at + 1 < glob.size() ? glob[++at] : glob[at];
    ++at;
    char high = low;
    if (at + 1 < glob.size() && glob[at] == '-' && glob[at + 1] != ']') {
      high = glob[at + 1];
      at += 2;
    }
    if (c >= low && c <= high) hit = true;
  }
  closed = at < glob.size();
  if (closed) glob.remove_prefix(at + 1);
  return hit != negated;
}

bool MatchGlob(std::string_view glob, std::string_view text) {
  while (!glob.empty()) {
    if (glob.starts_with("**/")) {  // any number of whole folders
      const std::string_view rest = glob.substr(3);
      if (MatchGlob(rest, text)) return true;
      for (size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '/' && MatchGlob(rest, text.substr(i + 1))) return true;
      }
      return false;
    }
    if (glob == "**") return !text.empty();
    if (glob[0] == '*') {
      const std::string_view rest = glob.substr(
          glob.find_first_not_of('*') == std::string_view::npos ? glob.size()
                                                                : glob.find_first_not_of('*'));
      for (size_t i = 0;; ++i) {
        if (MatchGlob(rest, text.substr(i))) return true;
        if (i == text.size() || text[i] == '/') return false;
      }
    }
    if (text.empty()) return false;
    if (glob[0] == '[') {
      bool closed = false;
      std::string_view after = glob;
      const bool hit = MatchClass(after, text[0], closed);
      if (closed) {
        if (!hit || text[0] == '/') return false;
        glob = after;
        text.remove_prefix(1);
        continue;
      }
    }
    if (glob[0] == '?') {
      if (text[0] == '/') return false;
    } else {
      if (glob[0] == '\\' && glob.size() > 1) glob.remove_prefix(1);
      if (glob[0] != text[0]) return false;
    }
    glob.remove_prefix(1);
    text.remove_prefix(1);
  }
  return text.empty();
}

}  // namespace

std::vector<IgnorePattern> ParseIgnoreFile(std::string_view text) {
  std::vector<IgnorePattern> out;
  for (const std::string& raw : Split(text, '\n')) {
    std::string_view line = Trim(raw);
    if (line.empty() || line[0] == '#') continue;
    IgnorePattern pattern;
    if (line[0] == '!') {
      pattern.negated = true;
      line.remove_prefix(1);
    }
    if (line.ends_with('/')) {
      pattern.folders_only = true;
      line.remove_suffix(1);
    }
    pattern.anchored = line.find('/') != std::string_view::npos;
    if (line.starts_with('/')) line.remove_prefix(1);
    if (line.empty()) continue;
    pattern.glob = line;
    out.push_back(std::move(pattern));
  }
  return out;
}

bool MatchesIgnorePattern(const IgnorePattern& pattern, std::string_view path, bool folder) {
  if (pattern.folders_only && !folder) return false;
  if (pattern.anchored) return MatchGlob(pattern.glob, path);
  const size_t slash = path.rfind('/');
  return MatchGlob(pattern.glob, slash == std::string_view::npos ? path : path.substr(slash + 1));
}

Ignore::Ignore(std::string root, std::string file_name, std::vector<IgnorePattern> always)
    : root_(std::move(root)), file_name_(std::move(file_name)), always_(std::move(always)) {}

Ignore Ignore::Dvc(const std::string& root) {
  return Ignore(root, ".dvcignore", ParseIgnoreFile(".hg/\n.git\n.dvc/\n"));
}

Ignore Ignore::Git(const std::string& root) {
  auto exclude = os::ReadFile(root + "/.git/info/exclude", 1 << 20);
  return Ignore(root, ".gitignore", ParseIgnoreFile(".git\n" + exclude.value_or("")));
}

const std::vector<IgnorePattern>& Ignore::RulesOf(const std::string& folder) {
  auto [found, is_new] = rules_.try_emplace(folder);
  if (is_new) {
    if (auto text = os::ReadFile(folder + "/" + file_name_, 1 << 20)) {
      found->second = ParseIgnoreFile(*text);
    }
  }
  return found->second;
}

// The deepest file that has a matching line decides, by its last one.
bool Ignore::IgnoredItself(const std::string& path, bool folder) {
  for (std::string above = os::ParentOf(path);; above = os::ParentOf(above)) {
    const std::string_view relative = std::string_view(path).substr(above.size() + 1);
    const auto& rules = RulesOf(above);
    for (auto rule = rules.rbegin(); rule != rules.rend(); ++rule) {
      if (MatchesIgnorePattern(*rule, relative, folder)) return !rule->negated;
    }
    if (above == root_) break;
  }
  const std::string_view relative = std::string_view(path).substr(root_.size() + 1);
  return std::ranges::any_of(always_, [&](const IgnorePattern& rule) {
    return MatchesIgnorePattern(rule, relative, folder);
  });
}

bool Ignore::Ignored(const std::string& path, bool folder) {
  if (!path.starts_with(root_ + "/")) return false;
  if (folder) {
    if (const auto known = folders_.find(path); known != folders_.end()) return known->second;
  }
  const std::string above = os::ParentOf(path);
  const bool ignored = (above != root_ && Ignored(above, true)) || IgnoredItself(path, folder);
  if (folder) folders_[path] = ignored;
  return ignored;
}

}  // namespace tatara::pipelines
