#include "tracking/filter.h"

#include <algorithm>
#include <cctype>

#include "base/strings.h"

namespace tatara::tracking {
namespace {

struct Token {
  enum class Kind { kName, kString, kInteger, kFloat, kOperator, kPunctuation, kEnd };
  Kind kind = Kind::kEnd;
  std::string text;  // as written
};

bool IsNameByte(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '.' ||
         static_cast<unsigned char>(c) >= 0x80;
}

class Lexer {
 public:
  explicit Lexer(std::string_view text) : text_(text) {}

  Result<std::vector<Token>> Run() {
    std::vector<Token> tokens;
    while (true) {
      while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_]))) ++at_;
      if (at_ >= text_.size()) break;
      tokens.push_back(TRY(Next()));
    }
    tokens.push_back({});
    return tokens;
  }

 private:
  Result<Token> Next() {
    const char c = text_[at_];
    if (c == '\'') return Quote();
    if (std::isdigit(static_cast<unsigned char>(c)) || ((c == '-' || c == '.') && DigitAfter())) {
      return Number();
    }
    if (IsNameByte(c) || c == '`' || c == '"') return Name();
    for (const std::string_view op : {"!=", "<>", "<=", ">=", "==", "=", "<", ">"}) {
      if (text_.substr(at_).starts_with(op)) return Take(Token::Kind::kOperator, op.size());
    }
    return Take(Token::Kind::kPunctuation, 1);
  }

  Token Take(Token::Kind kind, size_t length) {
    Token token{kind, std::string(text_.substr(at_, length))};
    at_ += length;
    return token;
  }

  bool DigitAfter() const {
    size_t i = at_ + 1;
    if (i < text_.size() && text_[at_] == '-' && text_[i] == '.') ++i;
    return i < text_.size() && std::isdigit(static_cast<unsigned char>(text_[i]));
  }

  // 'it''s' and 'it\'s' are one literal whose text keeps both characters, as upstream's.
  Result<Token> Quote() {
    size_t end = at_ + 1;
    while (end < text_.size()) {
      if (text_[end] == '\\' && end + 1 < text_.size() && text_[end + 1] == '\'') {
        end += 2;
      } else if (text_[end] == '\'' && end + 1 < text_.size() && text_[end + 1] == '\'') {
        end += 2;
      } else if (text_[end] == '\'') {
        return Take(Token::Kind::kString, end + 1 - at_);
      } else {
        ++end;
      }
    }
    return Invalid("Invalid filter '" + std::string(text_) + "': a quote is not closed");
  }

  Result<Token> Number() {
    size_t end = at_ + (text_[at_] == '-' ? 1 : 0);
    bool is_float = false;
    while (end < text_.size()) {
      const char c = text_[end];
      if (c == '.') {
        is_float = true;
      } else if ((c == 'e' || c == 'E') && end + 1 < text_.size() &&
                 (std::isdigit(static_cast<unsigned char>(text_[end + 1])) ||
                  text_[end + 1] == '-' || text_[end + 1] == '+')) {
        is_float = true;
        ++end;
      } else if (!std::isdigit(static_cast<unsigned char>(c))) {
        break;
      }
      ++end;
    }
    // "12abc" is no number but a name that begins with a digit.
    if (end < text_.size() && IsNameByte(text_[end])) return Name();
    return Take(is_float ? Token::Kind::kFloat : Token::Kind::kInteger, end - at_);
  }

  // Names with dots, and quoted pieces in them: tags.`a b`, tag."x", `run name`.
  Result<Token> Name() {
    size_t end = at_;
    while (end < text_.size()) {
      const char c = text_[end];
      if (c == '`' || c == '"') {
        const size_t close = text_.find(c, end + 1);
        if (close == std::string_view::npos) {
          return Invalid("Invalid filter '" + std::string(text_) + "': a quote is not closed");
        }
        end = close + 1;
      } else if (IsNameByte(c)) {
        ++end;
      } else {
        break;
      }
    }
    if (end == at_) ++end;
    return Take(Token::Kind::kName, end - at_);
  }

  std::string_view text_;
  size_t at_ = 0;
};

bool IsWord(const Token& token, std::string_view word) {
  return token.kind == Token::Kind::kName && EqualsIgnoreCase(token.text, word);
}

bool IsQuoted(std::string_view text, char quote) {
  return text.size() >= 2 && text.front() == quote && text.back() == quote;
}

std::string Unquote(std::string_view text) {
  for (const char quote : {'\'', '"', '`'}) {
    if (IsQuoted(text, quote)) return std::string(text.substr(1, text.size() - 2));
  }
  return std::string(text);
}

// "entity.key" at the first dot, either part in quotes; a text without a dot is a bare key.
void SplitIdentifier(std::string_view text, std::string& entity, std::string& key) {
  size_t dot = text.find('.');
  if (text[0] == '`' || text[0] == '"') {
    const size_t close = text.find(text[0], 1);
    dot = close + 1 < text.size() ? close + 1 : std::string_view::npos;
  }
  if (dot == std::string_view::npos) {
    key = Unquote(text);
    return;
  }
  entity = Unquote(text.substr(0, dot));
  key = Unquote(text.substr(dot + 1));
}

class Parser {
 public:
  Parser(std::string_view filter, std::vector<Token> tokens)
      : filter_(filter), tokens_(std::move(tokens)) {}

  Result<std::vector<Comparison>> Run() {
    std::vector<Comparison> out;
    while (true) {
      out.push_back(TRY(Clause()));
      if (Peek().kind == Token::Kind::kEnd) return out;
      if (!IsWord(Peek(), "AND")) return Bad("expected AND before '" + Peek().text + "'");
      ++at_;
    }
  }

 private:
  const Token& Peek(size_t ahead = 0) const {
    return tokens_[std::min(at_ + ahead, tokens_.size() - 1)];
  }
  std::unexpected<Error> Bad(const std::string& what) const {
    return Invalid("Invalid clause(s) in filter string: '" + filter_.substr(0, 500) + "': " + what);
  }

  Result<Comparison> Clause() {
    if (Peek().kind != Token::Kind::kName || IsWord(Peek(), "AND")) {
      return Bad("expected an identifier, found '" + Peek().text + "'");
    }
    Comparison comparison;
    SplitIdentifier(Peek().text, comparison.entity, comparison.key);
    ++at_;
    TRY(Operator(comparison));
    if (comparison.op.starts_with("IS")) return comparison;
    TRY(Value(comparison));
    return comparison;
  }

  Status Operator(Comparison& comparison) {
    const Token& token = Peek();
    if (token.kind == Token::Kind::kOperator) {
      comparison.op = token.text;
      ++at_;
      return {};
    }
    static constexpr struct {
      std::string_view words[3];
      std::string_view op;
    } kWordOperators[] = {{{"LIKE", "", ""}, "LIKE"},      {{"ILIKE", "", ""}, "ILIKE"},
                          {{"IN", "", ""}, "IN"},          {{"NOT", "IN", ""}, "NOT IN"},
                          {{"IS", "NULL", ""}, "IS NULL"}, {{"IS", "NOT", "NULL"}, "IS NOT NULL"},
                          {{"RLIKE", "", ""}, "RLIKE"}};
    for (const auto& [words, op] : kWordOperators) {
      size_t count = 0;
      while (count < 3 && !words[count].empty() && IsWord(Peek(count), words[count])) ++count;
      if (count == 3 || (count > 0 && words[count].empty())) {
        comparison.op = op;
        at_ += count;
        return {};
      }
    }
    return Bad("expected a comparison after '" + comparison.key + "', found '" + token.text + "'");
  }

  Status Value(Comparison& comparison) {
    const Token& token = Peek();
    switch (token.kind) {
      case Token::Kind::kString:
        comparison.kind = Comparison::Value::kString;
        comparison.text = Unquote(token.text);
        break;
      case Token::Kind::kName:  // "text in double quotes" reads as a name
        if (!IsQuoted(token.text, '"') || token.text.find('"', 1) != token.text.size() - 1) {
          return Bad(
              "Parameter value is either not quoted or unidentified quote types used for "
              "string value " +
              token.text + ". Use either single or double quotes.");
        }
        comparison.kind = Comparison::Value::kString;
        comparison.text = Unquote(token.text);
        break;
      case Token::Kind::kInteger:
      case Token::Kind::kFloat:
        comparison.kind = token.kind == Token::Kind::kInteger ? Comparison::Value::kInteger
                                                              : Comparison::Value::kFloat;
        comparison.text = token.text;
        if (!ParseDouble(token.text, comparison.number)) return Bad(token.text + " is no number");
        break;
      default:
        if (token.text != "(") return Bad("expected a value, found '" + token.text + "'");
        return List(comparison);
    }
    ++at_;
    if (comparison.op == "IN" || comparison.op == "NOT IN") {
      return Bad(comparison.op + " wants a list of quoted string values: ('a', 'b')");
    }
    return {};
  }

  Status List(Comparison& comparison) {
    if (comparison.op != "IN" && comparison.op != "NOT IN") {
      return Bad("a list goes with IN or NOT IN");
    }
    comparison.kind = Comparison::Value::kList;
    do {
      ++at_;
      const Token& item = Peek();
      const bool text = item.kind == Token::Kind::kString ||
                        (item.kind == Token::Kind::kName && IsQuoted(item.text, '"'));
      if (!text || item.text.size() <= 2) {
        return Bad(
            "While parsing a list in the query, expected a non-empty quoted string value, "
            "found '" +
            item.text + "'");
      }
      comparison.list.push_back(Unquote(item.text));
      ++at_;
    } while (Peek().text == ",");
    if (Peek().text != ")") return Bad("a list is not closed");
    ++at_;
    return {};
  }

  std::string filter_;
  std::vector<Token> tokens_;
  size_t at_ = 0;
};

}  // namespace

Result<std::vector<Comparison>> ParseFilter(std::string_view filter) {
  if (Trim(filter).empty()) return std::vector<Comparison>();
  return Parser(filter, TRY(Lexer(filter).Run())).Run();
}

Result<Ordering> ParseOrderBy(std::string_view clause) {
  const auto bad = [&] {
    return Invalid("Invalid order_by clause '" + std::string(clause) + "'. Could not be parsed.");
  };
  auto tokens = Lexer(clause).Run();
  if (!tokens || tokens->size() < 2 || tokens->size() > 3) return bad();
  if ((*tokens)[0].kind != Token::Kind::kName) return bad();
  Ordering ordering;
  SplitIdentifier((*tokens)[0].text, ordering.entity, ordering.key);
  if (tokens->size() == 3) {
    const bool descending = IsWord((*tokens)[1], "DESC");
    if (!descending && !IsWord((*tokens)[1], "ASC")) {
      return Invalid("Invalid ordering key in order_by clause '" + std::string(clause) + "'.");
    }
    ordering.ascending = !descending;
  }
  return ordering;
}

}  // namespace tatara::tracking
