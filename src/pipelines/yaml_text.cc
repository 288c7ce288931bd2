#include "pipelines/yaml_text.h"

#include <cstdio>
#include <string_view>

#include "base/result.h"

namespace tatara::pipelines {
namespace {

constexpr int kWidth = 80;

using Text = std::u32string;

Text Decode(std::string_view bytes) {
  Text out;
  for (size_t i = 0; i < bytes.size();) {
    const auto byte = static_cast<unsigned char>(bytes[i]);
    const size_t length = byte < 0x80 ? 1 : byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
    char32_t point = length == 1 ? byte : byte & (0xffU >> (length + 1));
    for (size_t k = 1; k < length && i + k < bytes.size(); ++k) {
      point = (point << 6) | (static_cast<unsigned char>(bytes[i + k]) & 0x3fU);
    }
    out += point;
    i += length;
  }
  return out;
}

void Encode(std::string& out, char32_t c) {
  const auto put = [&](uint32_t byte) { out += static_cast<char>(byte); };
  if (c < 0x80) {
    put(c);
  } else if (c < 0x800) {
    put(0xc0 | (c >> 6));
    put(0x80 | (c & 0x3f));
  } else if (c < 0x10000) {
    put(0xe0 | (c >> 12));
    put(0x80 | ((c >> 6) & 0x3f));
    put(0x80 | (c & 0x3f));
  } else {
    put(0xf0 | (c >> 18));
    put(0x80 | ((c >> 12) & 0x3f));
    put(0x80 | ((c >> 6) & 0x3f));
    put(0x80 | (c & 0x3f));
  }
}

bool IsBreak(char32_t c) { return c == '\n' || c == 0x85 || c == 0x2028 || c == 0x2029; }
bool IsBlank(char32_t c) { return c == 0 || c == ' ' || c == '\t' || c == '\r' || IsBreak(c); }
bool IsWideText(char32_t c) {
  return (c >= 0xa0 && c <= 0xd7ff) || (c >= 0xe000 && c <= 0xfffd) || c >= 0x10000;
}
bool IsOneOf(char32_t c, std::string_view set) {
  return c < 0x80 && set.find(static_cast<char>(c)) != std::string_view::npos;
}

// What a block scalar may look like (ruamel's analyze_scalar, its block half).
struct Analysis {
  bool multiline = false;
  bool plain = true;
  bool single_quoted = true;
};

Analysis Analyze(const Text& text) {
  bool indicators = text.starts_with(U"---") || text.starts_with(U"...");
  bool special = false, break_space = false, space_break = false;
  Analysis out;
  for (size_t i = 0; i < text.size(); ++i) {
    const char32_t c = text[i];
    const bool blank_before = i == 0 || IsBlank(text[i - 1]);
    const bool blank_after = i + 1 >= text.size() || IsBlank(text[i + 1]);
    if (i == 0) {
      if (IsOneOf(c, "#,[]{}&*!|>'\"%@`")) indicators = true;
      if (IsOneOf(c, "?:-") && blank_after) indicators = true;
    } else {
      if (c == ':' && blank_after) indicators = true;
      if (c == '#' && blank_before) indicators = true;
    }
    if (IsBreak(c)) out.multiline = true;
    const bool printable = c == '\n' || (c >= 0x20 && c <= 0x7e);
    if (!printable && !((c == 0x85 || IsWideText(c)) && c != 0xfeff)) special = true;
    if (c == ' ' && i > 0 && IsBreak(text[i - 1])) break_space = true;
    if (IsBreak(c) && i > 0 && text[i - 1] == ' ') space_break = true;
  }
  const auto edge = [](char32_t c) { return c == ' ' || IsBreak(c); };
  const bool blank_edge = !text.empty() && (edge(text.front()) || edge(text.back()));
  out.plain =
      !indicators && !special && !break_space && !space_break && !out.multiline && !blank_edge;
  out.single_quoted = !special && !break_space && !space_break;
  return out;
}

class Emitter {
 public:
  std::string Take() { return std::move(out_); }

  void Map(const Value::Map& map, int indent, bool first_in_place) {
    for (const auto& [key, value] : map) {
      if (!first_in_place) Indent(indent);
      first_in_place = false;
      Scalar(key, indent + 2, true);
      Put(':');
      Node(value, indent, false);
    }
  }

 private:
  // A value after "key:" or "-", at a map's or a list's indent.
  void Node(const Value& value, int indent, bool in_list) {
    if (value.IsMap() && !value.AsMap().empty()) {
      if (in_list) {
        Put(' ');
        return Map(value.AsMap(), indent + 2, true);
      }
      return Map(value.AsMap(), indent + 2, false);
    }
    if (value.IsList() && !value.AsList().empty()) {
      if (in_list) {
        Put(' ');
        return List(value.AsList(), indent + 2, true);
      }
      return List(value.AsList(), indent, false);
    }
    if (value.IsNone()) {
      if (in_list) Put(' ');
      return;
    }
    Put(' ');
    if (value.IsMap()) return Raw(U"{}");
    if (value.IsList()) return Raw(U"[]");
    Scalar(value, indent + 2, false);
  }

  void List(const Value::List& list, int indent, bool first_in_place) {
    for (const Value& item : list) {
      if (!first_in_place) Indent(indent);
      first_in_place = false;
      Put('-');
      Node(item, indent, true);
    }
  }

  void Scalar(const Value& value, int indent, bool key) {
    if (value.IsFloat()) {
      const std::string text = FloatText(value.AsFloat());
      return Raw(Decode(text == "inf" || text == "nan" ? "." + text
                        : text == "-inf"               ? "-.inf"
                                                       : text));
    }
    if (value.IsNone()) return Raw(U"null");
    if (!value.IsString()) return Raw(Decode(ScalarText(value)));
    const Text text = Decode(value.AsString());
    const Analysis analysis = Analyze(text);
    const bool string = !PlainTextIsNoString(value.AsString());
    if (string && analysis.plain && !text.empty()) return Plain(text, indent, !key);
    if (text.find_first_of(U"'\n") != Text::npos || !analysis.single_quoted) {
      return DoubleQuoted(text, indent, !key);
    }
    SingleQuoted(text, indent, !key);
  }

  void Plain(const Text& text, int indent, bool split) {
    bool spaces = false;
    size_t start = 0;
    for (size_t end = 0; end <= text.size(); ++end) {
      const bool last = end == text.size();
      const bool space = !last && text[end] == ' ';
      if (spaces) {
        if (!space) {
          if (start + 1 == end && column_ >= kWidth && split)
            Indent(indent);
          else
            Raw(text.substr(start, end - start));
          start = end;
        }
      } else if (last || space) {
        const Text word = text.substr(start, end - start);
        if (static_cast<int>(word.size()) + column_ > kWidth && column_ > indent) Indent(indent);
        Raw(word);
        start = end;
      }
      spaces = space;
    }
  }

  void SingleQuoted(const Text& text, int indent, bool split) {
    Put('\'');
    bool spaces = false;
    size_t start = 0;
    for (size_t end = 0; end <= text.size(); ++end) {
      const bool last = end == text.size();
      const bool space = !last && text[end] == ' ';
      if (spaces) {
        if (!space) {
          if (start + 1 == end && column_ > kWidth && split && start != 0 && !last)
            Indent(indent);
          else
            Raw(text.substr(start, end - start));
          start = end;
        }
      } else if (last || space) {
        Raw(text.substr(start, end - start));
        start = end;
      }
      spaces = space;
    }
    Put('\'');
  }

  static bool StandsAlone(char32_t c) {  // needs no escape inside double quotes
    if (c == '"' || c == '\\' || c == 0x85 || c == 0x2028 || c == 0x2029 || c == 0xfeff)
      return false;
    return (c >= 0x20 && c <= 0x7e) || IsWideText(c);
  }

  void Escape(char32_t c) {
    constexpr std::string_view kCodes = "\a\b\t\n\v\f\r\x1b\"\\";
    constexpr std::string_view kLetters = "abtnvfre\"\\";
    Put('\\');
    if (c == 0) return Put('0');
    if (c < 0x80) {
      if (const size_t at = kCodes.find(static_cast<char>(c)); at != std::string_view::npos) {
        return Put(static_cast<char32_t>(kLetters[at]));
      }
    }
    if (c == 0x85) return Put('N');
    if (c == 0xa0) return Put('_');
    if (c == 0x2028) return Put('L');
    if (c == 0x2029) return Put('P');
    char buffer[16];
    if (c <= 0xff)
      std::snprintf(buffer, sizeof buffer, "x%02X", static_cast<unsigned>(c));
    else if (c <= 0xffff)
      std::snprintf(buffer, sizeof buffer, "u%04X", static_cast<unsigned>(c));
    else
      std::snprintf(buffer, sizeof buffer, "U%08X", static_cast<unsigned>(c));
    for (const char* at = buffer; *at != 0; ++at) Put(static_cast<char32_t>(*at));
  }

  // ruamel folds without a backslash where the next word holds no quote.
  static bool NeedsBackslash(const Text& text, size_t start, size_t end) {
    const size_t space = text.find(U' ', end);
    if (space == Text::npos) return true;
    size_t at = text.find(U'\n', end);
    if (at == Text::npos || at >= space) at = space;
    if (at + 1 >= text.size()) return true;
    if (text[at] == '\n' && text[at + 1] != ' ') return true;
    const Text word = text.substr(end, at - end);
    const bool quote = word.find_first_of(U"\"'") != Text::npos;
    const bool two_blanks = end > 0 && text[end - 1] == ' ' && text[end] == ' ';
    return quote || text[at + 1] == ' ' || text[at + 1] == '\n' || two_blanks || start == end;
  }

  void DoubleQuoted(const Text& text, int indent, bool split) {
    Put('"');
    size_t start = 0;
    for (size_t end = 0; end <= text.size(); ++end) {
      const bool last = end == text.size();
      if (last || !StandsAlone(text[end])) {
        if (start < end) Raw(text.substr(start, end - start));
        start = end;
        if (!last) {
          Escape(text[end]);
          start = end + 1;
        }
      }
      if (end == 0 || end + 1 >= text.size() || !split) continue;
      const int pending = static_cast<int>(end) - static_cast<int>(start);
      if ((text[end] == ' ' || start >= end) && column_ + pending > kWidth) {
        start = Fold(text, start, end, indent);
      }
    }
    Put('"');
  }

  size_t Fold(const Text& text, size_t start, size_t end, int indent) {
    const bool backslash = NeedsBackslash(text, start, end);
    if (start < end) {
      Raw(text.substr(start, end - start));
      start = end;
    }
    if (backslash) Put('\\');
    Indent(indent);
    if (start < text.size() && text[start] == ' ') {
      if (backslash)
        Put('\\');
      else
        ++start;
    }
    return start;
  }

  void Indent(int indent) {
    if (!out_.empty()) out_ += '\n';
    out_.append(static_cast<size_t>(indent), ' ');
    column_ = indent;
  }
  void Put(char32_t c) {
    Encode(out_, c);
    ++column_;
  }
  void Raw(const Text& text) {
    for (const char32_t c : text) Put(c);
  }

  std::string out_;
  int column_ = 0;
};

}  // namespace

std::string YamlText(const Value& map, int indent) {
  CHECK(map.IsMap());
  if (map.AsMap().empty()) return "{}\n";
  Emitter emitter;
  emitter.Map(map.AsMap(), indent, false);
  return emitter.Take() + "\n";
}

}  // namespace tatara::pipelines
