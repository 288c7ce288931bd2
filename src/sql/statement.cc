#include "sql/statement.h"

#include <algorithm>
#include <cctype>

namespace tatara::sql {
namespace {

bool IsWord(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

// All of these return the place behind what begins at `at`, or the end of the text.

size_t EndOfQuoted(std::string_view text, size_t at, bool backslashes) {
  const char quote = text[at];
  for (size_t i = at + 1; i < text.size(); ++i) {
    if (backslashes && text[i] == '\\') {
      ++i;
    } else if (text[i] == quote) {
      if (i + 1 >= text.size() || text[i + 1] != quote) return i + 1;
      ++i;  // doubled: the quote itself
    }
  }
  return text.size();
}

size_t EndOfBlockComment(std::string_view text, size_t at) {
  int depth = 0;
  for (size_t i = at; i + 1 < text.size(); ++i) {
    const std::string_view pair = text.substr(i, 2);
    if (pair == "/*") ++depth;
    if (pair == "*/") --depth;
    if (pair != "/*" && pair != "*/") continue;
    ++i;
    if (depth == 0) return i + 1;
  }
  return text.size();
}

// $$...$$ or $tag$...$tag$; a parameter $name is a token of one character and a word.
size_t EndOfDollar(std::string_view text, size_t at) {
  size_t end = at + 1;
  while (end < text.size() && IsWord(text[end])) ++end;
  if (end >= text.size() || text[end] != '$') return at + 1;
  const std::string_view tag = text.substr(at, end + 1 - at);
  const size_t close = text.find(tag, end + 1);
  return close == std::string_view::npos ? text.size() : close + tag.size();
}

}  // namespace

std::string_view StatementBody(std::string_view text) {
  size_t body = 0;
  for (size_t at = 0; at < text.size();) {
    const char c = text[at];
    const std::string_view pair = text.substr(at, 2);
    if (pair == "--") {
      at = std::min(text.find('\n', at), text.size());
      continue;
    }
    if (pair == "/*") {
      at = EndOfBlockComment(text, at);
      continue;
    }
    if (std::isspace(static_cast<unsigned char>(c)) != 0 || c == ';') {
      ++at;
      continue;
    }
    if (c == '\'' || c == '"') {
      const bool is_word_e = at > 0 && (text[at - 1] == 'e' || text[at - 1] == 'E') &&
                             (at == 1 || !IsWord(text[at - 2]));
      at = EndOfQuoted(text, at, c == '\'' && is_word_e);
    } else if (c == '$') {
      at = EndOfDollar(text, at);
    } else {
      ++at;
    }
    body = at;
  }
  return text.substr(0, body);
}

}  // namespace tatara::sql
