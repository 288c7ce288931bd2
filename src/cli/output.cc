#include "cli/output.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "os/process.h"

namespace tatara::cli {
namespace {

std::string_view Escape(Style style) {
  switch (style) {
    case Style::kPlain:
      return "";
    case Style::kBold:
      return "\x1b[1m";
    case Style::kDim:
      return "\x1b[2m";
    case Style::kRed:
      return "\x1b[31m";
    case Style::kGreen:
      return "\x1b[32m";
    case Style::kYellow:
      return "\x1b[33m";
    case Style::kCyan:
      return "\x1b[36m";
  }
  return "";
}

// Cuts to `width` columns, with "…" for what is missing. Text with escapes is left alone.
std::string Fit(const std::string& text, size_t width) {
  if (DisplayWidth(text) <= width || text.find('\x1b') != std::string::npos) return text;
  std::string out;
  size_t columns = 0;
  for (size_t i = 0; i < text.size();) {
    size_t next = i + 1;
    while (next < text.size() && (static_cast<unsigned char>(text[next]) & 0xc0) == 0x80) ++next;
    if (columns + 1 >= width) break;
    out.append(text, i, next - i);
    ++columns;
    i = next;
  }
  return out + "…";
}

bool IsNumberLike(const std::string& text) {
  return !text.empty() && text.find_first_not_of("0123456789.+-eE%") == std::string::npos;
}

// Control characters in a cell (a name may hold any) would break the terminal.
std::string Clean(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '\n' || c == '\t' || c == '\r') {
      out += ' ';
    } else if (static_cast<unsigned char>(c) < 0x20 && c != '\x1b') {
      out += '?';
    } else {
      out += c;
    }
  }
  return out;
}

}  // namespace

size_t DisplayWidth(std::string_view text) {
  size_t width = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\x1b') {
      while (i < text.size() && text[i] != 'm') ++i;
    } else if ((static_cast<unsigned char>(text[i]) & 0xc0) != 0x80) {
      ++width;
    }
  }
  return width;
}

bool Output::IsTerminal() { return os::IsTerminal(STDERR_FILENO); }

size_t Output::width() const {
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 20) return size.ws_col;
  return 0;  // no terminal: no limit
}

void Output::Print(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
}

void Output::Line(std::string_view text) { Print(std::string(text) + "\n"); }

void Output::PrintJson(const Json& value) { Line(value.DumpPretty()); }

void Output::Note(std::string_view text) {
  if (quiet_) return;
  std::fprintf(stderr, "%.*s\n", static_cast<int>(text.size()), text.data());
}

void Output::Table(const std::vector<std::string>& header,
                   const std::vector<std::vector<std::string>>& rows, std::string_view none) {
  if (rows.empty()) {
    Line(Styled(Style::kDim, none));
    return;
  }
  std::vector<size_t> widths(header.size());
  std::vector<bool> numeric(header.size(), true);
  for (size_t c = 0; c < header.size(); ++c) {
    widths[c] = DisplayWidth(header[c]);
    for (const auto& row : rows) {
      widths[c] = std::max(widths[c], DisplayWidth(row[c]));
      if (!row[c].empty() && !IsNumberLike(row[c])) numeric[c] = false;
    }
  }
  // The widest column gives way until the row fits the terminal.
  if (const size_t limit = width(); limit > 0) {
    const auto total = [&] {
      size_t sum = 2 * (widths.size() - 1);
      for (const size_t w : widths) sum += w;
      return sum;
    };
    while (total() > limit) {
      auto widest = std::ranges::max_element(widths);
      if (*widest <= 8) break;
      --*widest;
    }
  }
  const auto print_row = [&](const std::vector<std::string>& cells, bool head) {
    std::string line;
    for (size_t c = 0; c < cells.size(); ++c) {
      const std::string cell = Fit(Clean(cells[c]), widths[c]);
      const size_t shown = DisplayWidth(cell);
      const std::string padding(widths[c] > shown ? widths[c] - shown : 0, ' ');
      if (c > 0) line += "  ";
      const std::string text = head ? Styled(Style::kBold, cell) : cell;
      line += numeric[c] ? padding + text : text + padding;
    }
    while (line.ends_with(' ')) line.pop_back();
    Line(line);
  };
  print_row(header, true);
  for (const auto& row : rows) print_row(row, false);
}

std::string Output::Styled(Style style, std::string_view text) const {
  if (!color_ || style == Style::kPlain) return std::string(text);
  return std::string(Escape(style)) + std::string(text) + "\x1b[0m";
}

std::string Output::State(std::string_view state) const {
  static constexpr std::pair<std::string_view, Style> kStyles[] = {
      {"SUCCEEDED", Style::kGreen}, {"OK", Style::kGreen},      {"FINISHED", Style::kGreen},
      {"READY", Style::kGreen},     {"SKIPPED", Style::kDim},   {"CANCELLED", Style::kYellow},
      {"FAILED", Style::kRed},      {"ALARM", Style::kRed},     {"LOST", Style::kRed},
      {"KILLED", Style::kRed},      {"RUNNING", Style::kCyan},  {"STARTING", Style::kCyan},
      {"WAITING", Style::kYellow},  {"LOADING", Style::kCyan},  {"PENDING", Style::kDim},
      {"RUNNABLE", Style::kDim},    {"SUBMITTED", Style::kDim},
  };
  for (const auto& [name, style] : kStyles) {
    if (name == state) return Styled(style, state);
  }
  return std::string(state);
}

void Output::Progress(const std::vector<std::string>& lines) {
  if (!interactive()) return;
  std::string text;
  if (progress_lines_ > 0) text += "\x1b[" + std::to_string(progress_lines_) + "A";
  const size_t limit = width();
  for (const std::string& line : lines) {
    text += "\r\x1b[2K" + (limit > 0 ? Fit(line, limit) : line) + "\n";
  }
  for (size_t i = lines.size(); i < progress_lines_; ++i) text += "\r\x1b[2K\n";
  if (lines.size() < progress_lines_) {
    text += "\x1b[" + std::to_string(progress_lines_ - lines.size()) + "A";
  }
  progress_lines_ = lines.size();
  std::fwrite(text.data(), 1, text.size(), stderr);
  std::fflush(stderr);
}

void Output::EndProgress() {
  if (progress_lines_ == 0) return;
  Progress({});
  progress_lines_ = 0;
}

std::string ProgressBar(double share, size_t width) {
  const auto full = static_cast<size_t>(std::clamp(share, 0.0, 1.0) * static_cast<double>(width));
  return "[" + std::string(full, '#') + std::string(width - full, '.') + "]";
}

std::string ShortSpan(double seconds) {
  char buffer[48];
  if (seconds < 60) {
    std::snprintf(buffer, sizeof buffer, "%.1f s", seconds);
  } else if (seconds < 3600) {
    std::snprintf(buffer, sizeof buffer, "%d m %02d s", static_cast<int>(seconds) / 60,
                  static_cast<int>(seconds) % 60);
  } else {
    std::snprintf(buffer, sizeof buffer, "%d h %02d m", static_cast<int>(seconds) / 3600,
                  static_cast<int>(seconds) % 3600 / 60);
  }
  return buffer;
}

}  // namespace tatara::cli
