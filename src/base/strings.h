// Small operations on text that several modules need. UTF-8 throughout, all functions are pure.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace tatara {

std::vector<std::string> Split(std::string_view text, char separator);
std::string Join(std::span<const std::string> parts, std::string_view separator);
std::string_view Trim(std::string_view text);  // blanks, tabs, line ends at both sides
std::string Lower(std::string_view text);      // ASCII letters only
bool EqualsIgnoreCase(std::string_view a, std::string_view b);  // ASCII
std::string ReplaceAll(std::string_view text, std::string_view what, std::string_view with);

// Whole text as a number; false when it is none, or out of range.
bool ParseInt(std::string_view text, int64_t& value);
bool ParseDouble(std::string_view text, double& value);  // also inf, nan
std::string FormatDouble(double value);                  // the shortest text that reads back alike

// '*' any run of characters (also '/'), '?' one character. No classes, no braces.
bool GlobMatch(std::string_view pattern, std::string_view text);

// The candidate nearest to `word` by edit distance, or empty when none is near enough to be what
// was meant. For "unknown key 'ttll'; did you mean 'ttl'?".
std::string Nearest(std::string_view word, std::span<const std::string> candidates);
// "; did you mean 'x'?" or "" - appended to messages about unknown names.
std::string DidYouMean(std::string_view word, std::span<const std::string> candidates);

// Percent-decoding of a URL part. With `plus`, '+' is a blank (query strings). False: broken
// escape.
bool PercentDecode(std::string_view text, bool plus, std::string& out);
// Escapes everything but unreserved characters; '/' is kept when `keep_slash`.
std::string PercentEncode(std::string_view text, bool keep_slash = false);

bool IsValidUtf8(std::string_view text);

}  // namespace tatara
