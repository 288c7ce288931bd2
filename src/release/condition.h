// The condition of a first model: comparisons over the run's metrics, such as
// "eval_mae <= 9 and eval_mae < eval_baseline_line_mae".
//
//   condition := term { "or" term };  term := factor { "and" factor }
//   factor := "not" factor | "(" condition ")" | operand ("<" "<=" ">" ">=" "==" "!=") operand
//   operand := number | metric name (letters, digits, _ - . / :)
// Pure; an unknown metric is an error that names it, not false.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace tatara::release {

using MetricLookup = std::function<std::optional<double>(std::string_view)>;

// The text is well formed.
Status CheckCondition(std::string_view text);
struct ConditionResult {
  bool holds = false;
  std::string why;  // "eval_mae = 7.74 <= 9; eval_mae = 7.74 < eval_baseline_line_mae = 7.88"
};
Result<ConditionResult> EvaluateCondition(std::string_view text, const MetricLookup& metric);

}  // namespace tatara::release
