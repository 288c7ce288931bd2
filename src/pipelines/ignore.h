// Which files .dvcignore and .gitignore leave out, by git's pattern language.
//
// The rules of a folder's file hold for all below it; a later line and a deeper file win; once a
// folder is ignored nothing in it can be taken back. One thread at a time: rules are read from the
// folders when first needed.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace tatara::pipelines {

// One line of such a file; `**`, `*`, `?`, `[a-z]`, `!`, a leading or inner '/' anchors, a trailing
// one wants a folder.
struct IgnorePattern {
  std::string glob;
  bool negated = false;
  bool folders_only = false;
  bool anchored = false;
};
// The patterns of a file's text, without blank lines and comments.
std::vector<IgnorePattern> ParseIgnoreFile(std::string_view text);
// `path` is relative to the folder in which the file stands.
bool MatchesIgnorePattern(const IgnorePattern& pattern, std::string_view path, bool folder);

class Ignore {
 public:
  // `file_name`: ".dvcignore" or ".gitignore"; rules are looked for from `root` down.
  Ignore(std::string root, std::string file_name, std::vector<IgnorePattern> always = {});
  // What DVC ignores: .dvcignore, and .git, .hg, .dvc.
  static Ignore Dvc(const std::string& root);
  // What git ignores in the repository at `root`, info/exclude too.
  static Ignore Git(const std::string& root);
  // `path` is absolute. Outside of the root nothing is ignored.
  bool Ignored(const std::string& path, bool folder);

 private:
  const std::vector<IgnorePattern>& RulesOf(const std::string& folder);
  bool IgnoredItself(const std::string& path, bool folder);

  std::string root_;
  std::string file_name_;
  std::vector<IgnorePattern> always_;
  std::map<std::string, std::vector<IgnorePattern>> rules_;  // by folder
  std::map<std::string, bool> folders_;                      // answers for folders
};

}  // namespace tatara::pipelines
