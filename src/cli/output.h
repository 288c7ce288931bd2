// What a command shows: tables that fit, colour only on a terminal, progress that redraws one line.
// Standard output carries the answer, standard error everything else.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace tatara::cli {

enum class Style { kPlain, kBold, kDim, kRed, kGreen, kYellow, kCyan };

// Columns of a terminal that `text` takes (UTF-8; escape sequences take none).
size_t DisplayWidth(std::string_view text);

class Output {
 public:
  Output(bool color, bool quiet) : color_(color), quiet_(quiet) {}

  void Print(std::string_view text);  // standard output, as it stands
  void Line(std::string_view text);   // the same with a line end
  void PrintJson(const Json& value);  // one document and a line end
  void Note(std::string_view text);   // standard error, unless --quiet
  // A table with a header row; empty: prints `none`. Wide cells are cut when on a terminal.
  void Table(const std::vector<std::string>& header,
             const std::vector<std::vector<std::string>>& rows, std::string_view none);
  std::string Styled(Style style, std::string_view text) const;
  // The style in which a state (SUCCEEDED, FAILED, RUNNING, ALARM, OK, ...) is shown, applied.
  std::string State(std::string_view state) const;

  // A block of lines on standard error that is redrawn in place on a terminal; elsewhere nothing
  // is drawn. EndProgress removes it.
  void Progress(const std::vector<std::string>& lines);
  void EndProgress();
  bool interactive() const { return interactive_ && !quiet_; }
  size_t width() const;

 private:
  bool color_;
  bool quiet_;
  bool interactive_ = IsTerminal();
  size_t progress_lines_ = 0;
  static bool IsTerminal();
};

// "[#####.....]" of `width` cells.
std::string ProgressBar(double share, size_t width);
// "3.2 s", "4 m 12 s": elapsed time for people.
std::string ShortSpan(double seconds);

}  // namespace tatara::cli
