#include "tracking/sql.h"

#include <algorithm>

namespace tatara::tracking {

SqlBuilder& SqlBuilder::AddTextCondition(std::string_view column, const Comparison& comparison) {
  const std::string name(column);
  if (IsListOperator(comparison.op)) {
    return Add(name + " " + comparison.op + " ").BindList(comparison.list);
  }
  if (comparison.op == "ILIKE") {
    return Add("lower(" + name + ") LIKE lower(?)").Bind(comparison.text);
  }
  return Add(name + " " + comparison.op + " ?").Bind(comparison.text);
}

Status InsertInChunks(db::Tx& tx, const RowInsert& insert, std::span<const db::Value> values) {
  std::string row = "(?";
  for (size_t i = 1; i < insert.columns; ++i) row += ", ?";
  row += ')';
  for (const size_t rows : {size_t{64}, size_t{8}, size_t{1}}) {
    const size_t chunk = rows * insert.columns;
    if (values.size() < chunk) continue;
    std::string sql(insert.head);
    for (size_t i = 0; i < rows; ++i) {
      if (i > 0) sql += ", ";
      sql += row;
    }
    sql += insert.tail;
    for (; values.size() >= chunk; values = values.subspan(chunk)) {
      TRY(tx.ExecWith(sql, values.first(chunk)));
    }
  }
  return {};
}

Status CheckTextComparison(const Comparison& comparison, std::string_view what, bool lists) {
  const bool list_operator = lists && IsListOperator(comparison.op);
  if (!IsTextOperator(comparison.op) && !list_operator) {
    return Invalid("Invalid comparator '" + comparison.op + "' for " + std::string(what) +
                   ": not one of '=', '!=', 'LIKE', 'ILIKE'" + (lists ? ", 'IN', 'NOT IN'" : ""));
  }
  if (!list_operator && comparison.kind != Comparison::Value::kString) {
    return Invalid("Expected a quoted string value for " + std::string(what) +
                   " (e.g. 'my-value'). Got value " + comparison.text);
  }
  return {};
}

Status CheckNumericComparison(const Comparison& comparison, std::string_view what) {
  if (!IsNumericOperator(comparison.op)) {
    return Invalid("Invalid comparator '" + comparison.op + "' for " + std::string(what) +
                   ": not one of '=', '!=', '<', '<=', '>', '>='");
  }
  if (!comparison.IsNumber()) {
    return Invalid("Expected numeric value type for " + std::string(what) + ". Found " +
                   comparison.text);
  }
  return {};
}

Result<Entity> ParseEntity(std::string_view written) {
  static constexpr std::pair<std::string_view, Entity> kNames[] = {
      {"", Entity::kAttribute},
      {"attribute", Entity::kAttribute},
      {"attributes", Entity::kAttribute},
      {"attr", Entity::kAttribute},
      {"run", Entity::kAttribute},
      {"metric", Entity::kMetric},
      {"metrics", Entity::kMetric},
      {"param", Entity::kParam},
      {"params", Entity::kParam},
      {"parameter", Entity::kParam},
      {"parameters", Entity::kParam},
      {"tag", Entity::kTag},
      {"tags", Entity::kTag},
      {"dataset", Entity::kDataset},
      {"datasets", Entity::kDataset}};
  for (const auto& [name, entity] : kNames) {
    if (name == written) return entity;
  }
  return Invalid("Invalid entity type '" + std::string(written) +
                 "'. Valid values are ['metric', 'parameter', 'tag', 'attribute', 'dataset']");
}

}  // namespace tatara::tracking
