// MLflow's filter language, read: `clause (AND clause)*`, a clause is identifier, operator,
// literal. Pure functions. What an identifier may be is each search's own business
// (research: MLflow's search grammar; upstream reads it with sqlparse and checks by hand).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace tatara::tracking {

struct Comparison {
  enum class Value { kNone, kString, kInteger, kFloat, kList };

  std::string entity;  // before the first dot, as written; empty: a bare attribute
  std::string key;     // unquoted
  std::string op;      // upper case: = != < <= > >= LIKE ILIKE IN NOT IN IS NULL IS NOT NULL
  Value kind = Value::kNone;
  std::string text;               // the literal as written, without quotes
  double number = 0;              // kInteger, kFloat
  std::vector<std::string> list;  // kList

  bool IsNumber() const { return kind == Value::kInteger || kind == Value::kFloat; }
};

Result<std::vector<Comparison>> ParseFilter(std::string_view filter);

struct Ordering {
  std::string entity;
  std::string key;
  bool ascending = true;
};
// "metrics.loss DESC", "`run name`", "start_time".
Result<Ordering> ParseOrderBy(std::string_view clause);

}  // namespace tatara::tracking
