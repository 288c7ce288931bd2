#include "sql/message.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "base/strings.h"

namespace tatara::sql {
namespace {

struct Kind {
  std::string_view prefix;
  Code code;
};

constexpr Kind kKinds[] = {
    {"Out of Memory Error: ", Code::kExhausted}, {"INTERRUPT Error: ", Code::kCancelled},
    {"Permission Error: ", Code::kDenied},       {"HTTP Error: ", Code::kUnavailable},
    {"Connection Error: ", Code::kUnavailable},  {"Missing Extension Error: ", Code::kUnavailable},
    {"INTERNAL Error: ", Code::kInternal},       {"FATAL Error: ", Code::kInternal},
};

bool Has(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

Code CodeOf(std::string_view message) {
  if (Has(message, "requires the extension httpfs")) return Code::kDenied;
  for (const Kind& kind : kKinds) {
    if (message.starts_with(kind.prefix)) return kind.code;
  }
  if (!message.starts_with("IO Error: ")) return Code::kInvalid;
  if (Has(message, "No files found") || Has(message, "No such file")) return Code::kNotFound;
  if (Has(message, "No space left")) return Code::kExhausted;
  if (Has(message, "Permission denied")) return Code::kDenied;
  if (Has(message, "connection") || Has(message, "HTTP")) return Code::kUnavailable;
  return Code::kInvalid;
}

std::string_view LineOf(std::string_view text, int number) {
  for (int line = 1; line < number; ++line) {
    const size_t end = text.find('\n');
    if (end == std::string_view::npos) return {};
    text.remove_prefix(end + 1);
  }
  return text.substr(0, text.find('\n'));
}

// "line 1, column 8: " from the excerpt that DuckDB draws; "" without one.
std::string Position(std::string_view excerpt, std::string_view query) {
  constexpr std::string_view kWord = "LINE ";
  if (!excerpt.starts_with(kWord)) return "";
  int line = 0;
  const char* begin = excerpt.data() + kWord.size();
  const auto [end, error] = std::from_chars(begin, excerpt.data() + excerpt.size(), line);
  if (error != std::errc() || line < 1) return "";
  const std::string where = "line " + std::to_string(line);
  const size_t shown_at = static_cast<size_t>(end - excerpt.data()) + 2;  // after ": "
  const size_t shown_end = excerpt.find('\n');
  if (shown_end == std::string_view::npos || shown_at > shown_end) return where + ": ";
  const size_t caret = excerpt.find('^', shown_end);
  if (caret == std::string_view::npos) return where + ": ";
  size_t offset = caret - shown_end - 1;
  if (offset < shown_at) return where + ": ";
  offset -= shown_at;
  // A long line is shown in part, "..." at its cut ends.
  std::string_view shown = excerpt.substr(shown_at, shown_end - shown_at);
  if (shown.starts_with("...") && offset >= 3) {
    shown.remove_prefix(3);
    offset -= 3;
  }
  if (shown.ends_with("...")) shown.remove_suffix(3);
  const size_t at = LineOf(query, line).find(shown);
  if (at == std::string_view::npos) return where + ": ";
  return where + ", column " + std::to_string(at + offset + 1) + ": ";
}

}  // namespace

Error ErrorOfMessage(std::string_view message, std::string_view query) {
  // Around the error of a query that fails while its rows are read.
  constexpr std::string_view kPending =
      "Invalid Input Error: Attempting to execute an unsuccessful or closed pending query result\n"
      "Error: ";
  if (message.starts_with(kPending)) message.remove_prefix(kPending.size());
  const Code code = CodeOf(message);
  if (Has(message, "requires the extension httpfs")) {
    return {code, "only s3:// and the sources of tatara.yaml are read over the network"};
  }
  const size_t excerpt_at = message.find("LINE ");
  const bool has_excerpt =
      excerpt_at != std::string_view::npos && excerpt_at > 0 && message[excerpt_at - 1] == '\n';
  const std::string_view text = Trim(message.substr(0, has_excerpt ? excerpt_at : message.npos));
  const std::string where = has_excerpt ? Position(message.substr(excerpt_at), query) : "";
  // Says less than the text behind it: "Invalid Input Error: ..." is also what error('...') makes.
  constexpr std::string_view kSaysNothing = "Invalid Input Error: ";
  const size_t begin = text.starts_with(kSaysNothing) ? kSaysNothing.size() : 0;
  std::string flat = ReplaceAll(text.substr(begin), "\n\n", "\n");
  flat = ReplaceAll(flat, "\n", "; ");
  flat.resize(std::min(flat.size(), flat.find("; Stack Trace:")));
  return {code, where + flat};
}

}  // namespace tatara::sql
