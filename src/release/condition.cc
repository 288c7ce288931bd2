#include "release/condition.h"

#include <cctype>

#include "base/strings.h"
#include "evaluation/evaluation.h"

namespace tatara::release {
namespace {

struct Operand {
  std::string text;  // as it stands: "9", "eval_mae"
  double value = 0;
  bool is_metric = false;
};

// "9", "eval_mae = 7.74"; with `exact` so many digits that equal texts are equal numbers.
std::string Shown(const Operand& operand, bool exact) {
  if (!operand.is_metric) return operand.text;
  return operand.text + " = " +
         (exact ? FormatDouble(operand.value) : evaluation::ShortNumber(operand.value));
}

// Recursive descent; with no lookup it only checks the form.
class Parser {
 public:
  Parser(std::string_view text, const MetricLookup* metric) : rest_(text), metric_(metric) {}

  Result<ConditionResult> Parse() {
    ConditionResult result;
    result.holds = TRY(Or(0));
    if (!Peek().empty()) return Invalid("condition: unexpected '" + std::string(Peek()) + "'");
    result.why = why_;
    return result;
  }

 private:
  static constexpr int kDepthMax = 50;

  std::string_view Peek() {
    rest_ = rest_.substr(std::min(rest_.find_first_not_of(" \t\r\n"), rest_.size()));
    if (rest_.empty()) return {};
    if (rest_.starts_with("<=") || rest_.starts_with(">=") || rest_.starts_with("==") ||
        rest_.starts_with("!=")) {
      return rest_.substr(0, 2);
    }
    if (std::string_view("<>()").find(rest_[0]) != std::string_view::npos) {
      return rest_.substr(0, 1);
    }
    const size_t end = rest_.find_first_of(" \t\r\n<>=!()");
    return rest_.substr(0, end == 0 ? 1 : end);
  }

  std::string_view Take() {
    const std::string_view token = Peek();
    rest_.remove_prefix(token.size());
    return token;
  }

  // Both sides are always read, so that every metric's name is checked.
  Result<bool> Or(int depth) {
    bool value = TRY(And(depth));
    while (Peek() == "or") {
      Take();
      const bool right = TRY(And(depth));
      value = value || right;
    }
    return value;
  }

  Result<bool> And(int depth) {
    bool value = TRY(Factor(depth));
    while (Peek() == "and") {
      Take();
      const bool right = TRY(Factor(depth));
      value = value && right;
    }
    return value;
  }

  Result<bool> Factor(int depth) {
    if (depth > kDepthMax) return Invalid("condition: nested too deeply");
    if (Peek() == "not") {
      Take();
      return !TRY(Factor(depth + 1));
    }
    if (Peek() == "(") {
      Take();
      const bool value = TRY(Or(depth + 1));
      if (Take() != ")") return Invalid("condition: a ')' is missing");
      return value;
    }
    return Comparison();
  }

  Result<bool> Comparison() {
    const Operand left = TRY(ReadOperand());
    const std::string op(Take());
    if (op != "<" && op != "<=" && op != ">" && op != ">=" && op != "==" && op != "!=") {
      return Invalid("condition: after '" + left.text +
                     "' a comparison (< <= > >= == !=) is "
                     "wanted" +
                     (op.empty() ? "" : ", not '" + op + "'"));
    }
    const Operand right = TRY(ReadOperand());
    const double a = left.value, b = right.value;
    const bool holds = op == "<"    ? a < b
                       : op == "<=" ? a <= b
                       : op == ">"  ? a > b
                       : op == ">=" ? a >= b
                       : op == "==" ? a == b
                                    : a != b;
    const bool exact = a != b && evaluation::ShortNumber(a) == evaluation::ShortNumber(b);
    why_ += (why_.empty() ? "" : "; ") + Shown(left, exact) + " " + op + " " + Shown(right, exact) +
            (holds ? "" : " does not hold");
    return holds;
  }

  Result<Operand> ReadOperand() {
    const std::string token(Take());
    if (token.empty()) return Invalid("condition: it ends where a number or metric is wanted");
    Operand operand;
    if (ParseDouble(token, operand.value)) {
      operand.text = token;
      return operand;
    }
    for (const char c : token) {
      if (!std::isalnum(static_cast<unsigned char>(c)) &&
          std::string_view("_-./:").find(c) == std::string_view::npos) {
        return Invalid("condition: unexpected '" + token + "'");
      }
    }
    if (token == "and" || token == "or" || token == "not") {
      return Invalid("condition: a number or metric is wanted before '" + token + "'");
    }
    operand.text = token;
    if (metric_ == nullptr) return operand;
    const auto value = (*metric_)(token);
    if (!value) return Invalid("condition: the run has no metric '" + token + "'");
    operand.value = *value;
    operand.is_metric = true;
    return operand;
  }

  std::string_view rest_;
  const MetricLookup* metric_;
  std::string why_;
};

}  // namespace

Status CheckCondition(std::string_view text) {
  TRY(Parser(text, nullptr).Parse());
  return {};
}

Result<ConditionResult> EvaluateCondition(std::string_view text, const MetricLookup& metric) {
  return Parser(text, &metric).Parse();
}

}  // namespace tatara::release
