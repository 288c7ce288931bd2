// Search of logged models.
#include <algorithm>

#include "tracking/search.h"
#include "tracking/sql.h"
#include "tracking/store.h"

namespace tatara::tracking {
namespace {

struct Column {
  std::string_view sql;
  bool numeric = false;
};

Result<Column> ModelColumn(std::string_view key) {
  static constexpr std::pair<std::string_view, Column> kColumns[] = {
      {"name", {"m.name"}},
      {"model_id", {"m.model_id"}},
      {"model_type", {"m.model_type"}},
      {"source_run_id", {"m.source_run_id"}},
      {"artifact_location", {"m.artifact_location"}},
      {"experiment_id", {"m.experiment_id"}},
      {"lifecycle_stage", {"m.lifecycle_stage"}},
      {"status", {"CASE m.status WHEN 1 THEN 'PENDING' WHEN 2 THEN 'READY' ELSE 'FAILED' END"}},
      {"creation_time", {"m.creation_ms", true}},
      {"creation_timestamp", {"m.creation_ms", true}},
      {"creation_timestamp_ms", {"m.creation_ms", true}},
      {"last_updated_timestamp", {"m.last_updated_ms", true}},
      {"last_updated_timestamp_ms", {"m.last_updated_ms", true}}};
  for (const auto& [name, column] : kColumns) {
    if (name == key) return column;
  }
  return Invalid("Invalid attribute name: '" + std::string(key) + "' of a logged model");
}

// "(dataset_name = ? AND dataset_digest = ?) OR ...", in parentheses.
void AddDatasets(SqlBuilder& sql, const std::vector<ModelDatasetFilter>& datasets) {
  sql.Add("(");
  for (size_t i = 0; i < datasets.size(); ++i) {
    sql.Add(i == 0 ? "(c.dataset_name = ?" : " OR (c.dataset_name = ?").Bind(datasets[i].name);
    if (!datasets[i].digest.empty()) {
      sql.Add(" AND c.dataset_digest = ?").Bind(datasets[i].digest);
    }
    sql.Add(")");
  }
  sql.Add(")");
}

Status AddModelMetric(SqlBuilder& sql, const Comparison& comparison,
                      const std::vector<ModelDatasetFilter>& datasets) {
  TRY(CheckNumericComparison(comparison, "metric"));
  sql.Add(
         "EXISTS (SELECT 1 FROM logged_model_metrics c WHERE c.model_id = m.model_id AND "
         "c.key = ? AND c.value " +
         comparison.op + " ?")
      .Bind(comparison.key)
      .Bind(comparison.number);
  if (!datasets.empty()) {
    sql.Add(" AND ");
    AddDatasets(sql, datasets);
  }
  sql.Add(")");
  return {};
}

Status AddModelClause(SqlBuilder& sql, const Comparison& comparison,
                      const std::vector<ModelDatasetFilter>& datasets) {
  const std::string& entity = comparison.entity;
  if (entity == "metrics") return AddModelMetric(sql, comparison, datasets);
  if (entity == "params" || entity == "tags") {
    TRY(CheckTextComparison(comparison, entity, true));
    sql.Add("EXISTS (SELECT 1 FROM logged_model_" + entity +
            " c WHERE c.model_id = m.model_id AND c.key = ? AND ")
        .Bind(comparison.key)
        .AddTextCondition("c.value", comparison)
        .Add(")");
    return {};
  }
  if (!entity.empty() && entity != "attributes") {
    return Invalid("Invalid entity type: '" + entity +
                   "'. Expected one of ['attributes', 'metrics', 'params', 'tags'].");
  }
  const Column column = TRY(ModelColumn(comparison.key));
  if (column.numeric) {
    TRY(CheckNumericComparison(comparison, comparison.key));
    sql.Add(std::string(column.sql) + " " + comparison.op + " ?").Bind(comparison.number);
    return {};
  }
  TRY(CheckTextComparison(comparison, comparison.key, true));
  sql.AddTextCondition(column.sql, comparison);
  return {};
}

// The newest value of a metric of the model, on a dataset if one is named.
void AddMetricOrder(SqlBuilder& sql, const ModelOrder& order, std::string_view key) {
  for (const bool null_test : {true, false}) {
    sql.Add(null_test ? "CASE WHEN " : "")
        .Add(
            "(SELECT c.value FROM logged_model_metrics c WHERE c.model_id = m.model_id AND "
            "c.key = ?")
        .Bind(key);
    if (!order.dataset_name.empty()) {
      sql.Add(" AND ");
      AddDatasets(sql, {{order.dataset_name, order.dataset_digest}});
    }
    sql.Add(" ORDER BY c.timestamp_ms DESC, c.step DESC, c.run_id LIMIT 1)");
    sql.Add(null_test ? " IS NULL THEN 1 ELSE 0 END, " : order.ascending ? ", " : " DESC, ");
  }
}

Status AddModelOrder(SqlBuilder& sql, const std::vector<ModelOrder>& orders) {
  sql.Add(" ORDER BY ");
  bool by_creation = false;
  for (const auto& order : orders) {
    const size_t dot = order.field.find('.');
    if (dot == std::string::npos) {
      const std::string column(TRY(ModelColumn(order.field)).sql);
      by_creation = by_creation || column == "m.creation_ms";
      sql.Add(column + (order.ascending ? ", " : " DESC, "));
    } else if (order.field.substr(0, dot) != "metrics") {
      return Invalid("Invalid order by field name: " + order.field +
                     ". Only metrics are supported.");
    } else {
      AddMetricOrder(sql, order, std::string_view(order.field).substr(dot + 1));
    }
  }
  sql.Add(by_creation ? "m.model_id" : "m.creation_ms DESC, m.model_id");
  return {};
}

}  // namespace

Result<Page<LoggedModel>> SearchLoggedModels(db::Reader& reader,
                                             const ModelSearchRequest& request) {
  const int64_t offset = TRY(ParsePageToken(request.page_token));
  for (const auto& dataset : request.datasets) {
    if (dataset.name.empty()) {
      return Invalid("`dataset_name` in the `datasets` clause must be specified.");
    }
  }
  const auto filter = TRY(ParseFilter(request.filter));
  SqlBuilder sql;
  sql.Add(
         "SELECT m.model_number FROM logged_models m WHERE m.lifecycle_stage = 'active' AND "
         "m.experiment_id IN ")
      .BindList(request.experiments);
  bool has_metric = false;
  for (const auto& comparison : filter) {
    has_metric = has_metric || comparison.entity == "metrics";
    sql.Add(" AND ");
    TRY(AddModelClause(sql, comparison, request.datasets));
  }
  if (!request.datasets.empty() && !has_metric) {
    sql.Add(" AND EXISTS (SELECT 1 FROM logged_model_metrics c WHERE c.model_id = m.model_id AND ");
    AddDatasets(sql, request.datasets);
    sql.Add(")");
  }
  TRY(AddModelOrder(sql, request.order_by));
  sql.Add(" LIMIT ? OFFSET ?").Bind(request.max_results + 1).Bind(offset);
  Page<LoggedModel> page;
  std::vector<int64_t> numbers;
  TRY(sql.Query(reader, [&](const db::Row& row) { numbers.push_back(row.Int(0)); }));
  if (static_cast<int64_t>(numbers.size()) > request.max_results) {
    numbers.pop_back();
    page.next_token = MakePageToken(offset + request.max_results);
  }
  page.items = TRY(LoadLoggedModels(reader, numbers));
  return page;
}

}  // namespace tatara::tracking
