#include "tracking/search.h"

#include <algorithm>

#include "base/hash.h"
#include "base/json.h"
#include "base/strings.h"
#include "tracking/sql.h"
#include "tracking/store.h"

namespace tatara::tracking {
namespace {

std::string_view StageCondition(StageView view) {
  switch (view) {
    case StageView::kActive:
      return "lifecycle_stage = 'active'";
    case StageView::kDeleted:
      return "lifecycle_stage = 'deleted'";
    case StageView::kAll:
      return "lifecycle_stage IN ('active', 'deleted')";
  }
  return "";
}

std::unexpected<Error> BadAttribute(std::string_view key, std::string_view valid) {
  return Invalid("Invalid attribute key '" + std::string(key) + "' specified. Valid keys are '" +
                 std::string(valid) + "'");
}

// Sorts an attribute before the rows that lack it, in both directions.
void AddOrder(SqlBuilder& sql, std::string_view column, bool ascending) {
  const std::string name(column);
  sql.Add("CASE WHEN " + name + " IS NULL THEN 1 ELSE 0 END, " + name +
          (ascending ? ", " : " DESC, "));
}

// --- Runs ---

constexpr std::string_view kRunAttributes =
    "{'artifact_uri', 'end_time', 'run_id', 'run_name', 'start_time', 'status', 'user_id'}";

struct RunAttribute {
  std::string_view column;
  bool numeric = false;
};

Result<RunAttribute> FindRunAttribute(std::string_view key) {
  static constexpr std::pair<std::string_view, RunAttribute> kAttributes[] = {
      {"run_id", {"r.run_id"}},
      {"run_name", {"r.name"}},
      {"run name", {"r.name"}},
      {"Run name", {"r.name"}},
      {"Run Name", {"r.name"}},
      {"status", {"r.status"}},
      {"user_id", {"r.user_id"}},
      {"artifact_uri", {"r.artifact_uri"}},
      {"start_time", {"r.start_ms", true}},
      {"created", {"r.start_ms", true}},
      {"Created", {"r.start_ms", true}},
      {"end_time", {"r.end_ms", true}}};
  for (const auto& [name, attribute] : kAttributes) {
    if (name == key) return attribute;
  }
  return BadAttribute(key, kRunAttributes);
}

Status AddRunAttribute(SqlBuilder& sql, const Comparison& comparison) {
  const RunAttribute attribute = TRY(FindRunAttribute(comparison.key));
  if (attribute.numeric) {
    TRY(CheckNumericComparison(comparison, "numeric attribute: " + comparison.key));
    sql.Add(std::string(attribute.column) + " " + comparison.op + " ?").Bind(comparison.number);
    return {};
  }
  TRY(CheckTextComparison(comparison, "attribute: " + comparison.key, comparison.key == "run_id"));
  sql.AddTextCondition(attribute.column, comparison);
  return {};
}

Status AddMetric(SqlBuilder& sql, const Comparison& comparison,
                 const std::vector<int64_t>& experiments) {
  TRY(CheckNumericComparison(comparison, "metric"));
  sql.Add("r.run_number IN (SELECT run_number FROM metric_series WHERE experiment_id IN ")
      .BindList(experiments)
      .Add(" AND key = ? AND ")
      .Bind(comparison.key);
  // NaN is stored as 0: only != is true of it.
  const std::string condition = "value " + comparison.op + " ?";
  sql.Add(comparison.op == "!=" ? "(" + condition + " OR is_nan = 1)"
                                : condition + " AND is_nan = 0")
      .Bind(comparison.number)
      .Add(")");
  return {};
}

// value = text, in the form that the index over the value's head serves. For a text shorter than
// the head the head's equality is the value's; else both are asked, the second so that SQLite
// cannot put the constant into the head's expression and lose the index.
void AddEquality(SqlBuilder& sql, const std::string& text) {
  constexpr size_t kHeadCharacters = 120;
  sql.Add("substr(value, 1, 120) = substr(?, 1, 120)").Bind(text);
  if (text.size() >= kHeadCharacters) sql.Add(" AND value || '' = ?").Bind(text);
}

Status AddKeyValue(SqlBuilder& sql, const Comparison& comparison, std::string_view table,
                   const std::vector<int64_t>& experiments) {
  const std::string name(table);
  if (comparison.op.starts_with("IS")) {
    sql.Add(comparison.op == "IS NULL" ? "NOT " : "")
        .Add("EXISTS (SELECT 1 FROM " + name +
             " t WHERE t.run_number = r.run_number AND t.key = ?)")
        .Bind(comparison.key);
    return {};
  }
  TRY(CheckTextComparison(comparison, name == "run_tags" ? "tag" : "parameter", false));
  sql.Add("r.run_number IN (SELECT run_number FROM " + name + " WHERE experiment_id IN ")
      .BindList(experiments)
      .Add(" AND key = ? AND ")
      .Bind(comparison.key);
  if (comparison.op == "=") {
    AddEquality(sql, comparison.text);
  } else {
    sql.AddTextCondition("value", comparison);
  }
  sql.Add(")");
  return {};
}

Status AddDataset(SqlBuilder& sql, const Comparison& comparison) {
  const bool context = comparison.key == "context";
  if (!context && comparison.key != "name" && comparison.key != "digest") {
    return Invalid("Invalid dataset key '" + comparison.key +
                   "' specified. Valid keys are '{'name', 'digest', 'context'}'");
  }
  TRY(CheckTextComparison(comparison, "dataset attributes", true));
  if (context) {
    sql.Add(
        "EXISTS (SELECT 1 FROM run_dataset_tags t WHERE t.run_number = r.run_number AND "
        "t.key = 'mlflow.data.context' AND ");
    sql.AddTextCondition("t.value", comparison);
  } else {
    sql.Add(
        "EXISTS (SELECT 1 FROM run_datasets i JOIN datasets d ON d.dataset_id = i.dataset_id "
        "WHERE i.run_number = r.run_number AND ");
    sql.AddTextCondition(comparison.key == "name" ? "d.name" : "d.digest", comparison);
  }
  sql.Add(")");
  return {};
}

Status AddRunClause(SqlBuilder& sql, const Comparison& comparison,
                    const std::vector<int64_t>& experiments) {
  const Entity entity = TRY(ParseEntity(comparison.entity));
  const bool key_value = entity == Entity::kParam || entity == Entity::kTag;
  if (comparison.op.starts_with("IS") && !key_value) {
    return Invalid("IS NULL / IS NOT NULL is only supported for tags and params, not for '" +
                   comparison.key + "'");
  }
  switch (entity) {
    case Entity::kAttribute:
      return AddRunAttribute(sql, comparison);
    case Entity::kMetric:
      return AddMetric(sql, comparison, experiments);
    case Entity::kParam:
      return AddKeyValue(sql, comparison, "run_params", experiments);
    case Entity::kTag:
      return AddKeyValue(sql, comparison, "run_tags", experiments);
    case Entity::kDataset:
      return AddDataset(sql, comparison);
  }
  return {};
}

// What the orderings need: joins before WHERE, terms in ORDER BY.
struct RunOrder {
  SqlBuilder joins;
  SqlBuilder terms;
};

Status AddRunOrdering(RunOrder& order, const Ordering& ordering, size_t index) {
  const Entity entity = TRY(ParseEntity(ordering.entity));
  if (entity == Entity::kAttribute) {
    AddOrder(order.terms, TRY(FindRunAttribute(ordering.key)).column, ordering.ascending);
    return {};
  }
  if (entity == Entity::kDataset) {
    return Invalid("Invalid identifier type 'dataset' in order_by");
  }
  const std::string alias = "o" + std::to_string(index);
  const std::string table = entity == Entity::kMetric  ? "metric_series"
                            : entity == Entity::kParam ? "run_params"
                                                       : "run_tags";
  order.joins
      .Add(" LEFT JOIN " + table + " " + alias + " ON " + alias +
           ".run_number = r.run_number AND " + alias + ".key = ?")
      .Bind(ordering.key);
  if (entity == Entity::kMetric) {  // numbers, then NaN, then missing, in both directions
    order.terms.Add("CASE WHEN " + alias + ".is_nan = 1 THEN 1 WHEN " + alias +
                    ".value IS NULL THEN 2 ELSE 0 END, " + alias + ".value" +
                    (ordering.ascending ? ", " : " DESC, "));
  } else {
    AddOrder(order.terms, alias + ".value", ordering.ascending);
  }
  return {};
}

Result<RunOrder> MakeRunOrder(const std::vector<std::string>& clauses) {
  RunOrder order;
  std::vector<std::pair<std::string, std::string>> seen;
  bool by_start = false;
  for (size_t i = 0; i < clauses.size(); ++i) {
    const Ordering ordering = TRY(ParseOrderBy(clauses[i]));
    TRY(AddRunOrdering(order, ordering, i));
    std::pair key(std::to_string(static_cast<int>(TRY(ParseEntity(ordering.entity)))),
                  ordering.key);
    if (std::ranges::find(seen, key) != seen.end()) {
      return Invalid("`order_by` contains duplicate fields: " + clauses[i]);
    }
    by_start = by_start || ordering.key == "start_time";
    seen.push_back(std::move(key));
  }
  if (!by_start) order.terms.Add("r.start_ms DESC, ");
  order.terms.Add("r.run_id");
  return order;
}

// Searches ask for one row more than the page holds, to know whether another page follows.
template <class T>
void CutPage(std::vector<T>& found, int64_t max_results, int64_t offset, std::string& next_token) {
  if (static_cast<int64_t>(found.size()) <= max_results) return;
  found.resize(static_cast<size_t>(max_results));
  next_token = MakePageToken(offset + max_results);
}

Result<std::vector<int64_t>> QueryNumbers(db::Reader& reader, const SqlBuilder& sql) {
  std::vector<int64_t> numbers;
  TRY(sql.Query(reader, [&](const db::Row& row) { numbers.push_back(row.Int(0)); }));
  return numbers;
}

// --- Experiments ---

constexpr std::string_view kExperimentAttributes =
    "{'name', 'experiment_id', 'creation_time', 'last_update_time'}";

Result<std::string> ExperimentColumn(std::string_view key) {
  if (key == "name") return "e.name";
  if (key == "experiment_id") return "e.experiment_id";
  if (key == "creation_time") return "e.creation_ms";
  if (key == "last_update_time") return "e.last_update_ms";
  return BadAttribute(key, kExperimentAttributes);
}

Status AddExperimentId(SqlBuilder& sql, const Comparison& comparison) {
  if (comparison.op != "=" && comparison.op != "!=" && !IsListOperator(comparison.op)) {
    return Invalid("Invalid comparator for experiment_id: " + comparison.op);
  }
  TRY(CheckTextComparison(comparison, "attribute: experiment_id", true));
  const auto parse = [](const std::string& text) -> Result<int64_t> {
    int64_t id = 0;
    if (!ParseInt(text, id)) {
      return Invalid("Invalid experiment ID '" + text +
                     "'. Experiment ID must be a valid integer.");
    }
    return id;
  };
  if (!IsListOperator(comparison.op)) {
    sql.Add("e.experiment_id " + comparison.op + " ?").Bind(TRY(parse(comparison.text)));
    return {};
  }
  std::vector<int64_t> ids;
  for (const auto& text : comparison.list) ids.push_back(TRY(parse(text)));
  sql.Add("e.experiment_id " + comparison.op + " ").BindList(ids);
  return {};
}

Status AddExperimentClause(SqlBuilder& sql, const Comparison& comparison) {
  const bool bare = comparison.entity.empty() || comparison.entity == "attribute";
  if (!bare && comparison.entity != "tag" && comparison.entity != "tags") {
    return Invalid("Invalid entity type '" + comparison.entity +
                   "'. Valid entity types are ('attribute', 'tag', 'tags')");
  }
  if (bare) {
    const std::string column = TRY(ExperimentColumn(comparison.key));
    if (comparison.op.starts_with("IS")) {
      return Invalid("IS NULL / IS NOT NULL is only supported for tags, not for attribute '" +
                     comparison.key + "'");
    }
    if (comparison.key == "experiment_id") return AddExperimentId(sql, comparison);
    if (comparison.key == "name") {
      TRY(CheckTextComparison(comparison, "attribute: name", false));
      sql.AddTextCondition(column, comparison);
      return {};
    }
    TRY(CheckNumericComparison(comparison, "numeric attribute: " + comparison.key));
    if (comparison.kind == Comparison::Value::kFloat) {
      return Invalid("Invalid value for numeric attribute '" + comparison.key + "': '" +
                     comparison.text + "'");
    }
    sql.Add(column + " " + comparison.op + " ?").Bind(comparison.number);
    return {};
  }
  sql.Add(comparison.op == "IS NULL" ? "NOT EXISTS" : "EXISTS")
      .Add(
          " (SELECT 1 FROM experiment_tags t WHERE t.experiment_id = e.experiment_id AND "
          "t.key = ?")
      .Bind(comparison.key);
  if (!comparison.op.starts_with("IS")) {
    TRY(CheckTextComparison(comparison, "tag", false));
    sql.Add(" AND ").AddTextCondition("t.value", comparison);
  }
  sql.Add(")");
  return {};
}

Status AddExperimentOrder(SqlBuilder& sql, const std::vector<std::string>& clauses) {
  sql.Add(" ORDER BY ");
  bool by_id = false;
  for (const auto& clause : clauses) {
    const Ordering ordering = TRY(ParseOrderBy(clause));
    if (!ordering.entity.empty() && ordering.entity != "attribute") {
      return Invalid("Invalid order_by entity: " + ordering.entity);
    }
    by_id = by_id || ordering.key == "experiment_id";
    sql.Add(TRY(ExperimentColumn(ordering.key)) + (ordering.ascending ? ", " : " DESC, "));
  }
  if (clauses.empty()) sql.Add("e.creation_ms DESC, ");
  sql.Add(by_id ? "1" : "e.experiment_id");
  return {};
}

}  // namespace

Result<int64_t> ParsePageToken(std::string_view token) {
  if (token.empty()) return 0;
  const auto bad = [&] { return Invalid("Invalid page token: '" + std::string(token) + "'"); };
  const auto text = FromBase64(token);
  if (!text) return bad();
  const auto json = ParseJson(*text);
  if (!json || !json->IsObject()) return bad();
  const auto offset = json->GetInt("offset");
  if (!offset || *offset < 0 || *offset > (int64_t{1} << 52)) return bad();
  return *offset;
}

std::string MakePageToken(int64_t offset) {
  return ToBase64(Json::Of({{"offset", offset}}).Dump());
}

Result<Page<Run>> SearchRuns(db::Reader& reader, const std::vector<int64_t>& experiments,
                             const SearchRequest& request) {
  const int64_t offset = TRY(ParsePageToken(request.page_token));
  const auto filter = TRY(ParseFilter(request.filter));
  RunOrder order = TRY(MakeRunOrder(request.order_by));
  SqlBuilder sql;
  sql.Add("SELECT r.run_number FROM runs r");
  sql.Append(std::move(order.joins));
  sql.Add(" WHERE r.experiment_id IN ").BindList(experiments);
  sql.Add(" AND r.").Add(StageCondition(request.view));
  for (const auto& comparison : filter) {
    sql.Add(" AND ");
    TRY(AddRunClause(sql, comparison, experiments));
  }
  sql.Add(" ORDER BY ");
  sql.Append(std::move(order.terms));
  sql.Add(" LIMIT ? OFFSET ?").Bind(request.max_results + 1).Bind(offset);
  Page<Run> page;
  if (experiments.empty()) return page;
  auto numbers = TRY(QueryNumbers(reader, sql));
  CutPage(numbers, request.max_results, offset, page.next_token);
  page.items = TRY(LoadRuns(reader, numbers));
  return page;
}

Result<Page<Experiment>> SearchExperiments(db::Reader& reader, const SearchRequest& request) {
  const int64_t offset = TRY(ParsePageToken(request.page_token));
  SqlBuilder sql;
  sql.Add(
         "SELECT e.experiment_id, e.name, e.artifact_location, e.lifecycle_stage, e.creation_ms, "
         "e.last_update_ms FROM experiments e WHERE e.")
      .Add(StageCondition(request.view));
  const auto filter = TRY(ParseFilter(request.filter));
  for (const auto& comparison : filter) {
    sql.Add(" AND ");
    TRY(AddExperimentClause(sql, comparison));
  }
  TRY(AddExperimentOrder(sql, request.order_by));
  sql.Add(" LIMIT ? OFFSET ?").Bind(request.max_results + 1).Bind(offset);
  Page<Experiment> page;
  TRY(sql.Query(reader, [&](const db::Row& row) {
    page.items.push_back({.id = row.Int(0),
                          .name = row.Text(1),
                          .artifact_location = row.Text(2),
                          .stage = row.View(3) == "active" ? Stage::kActive : Stage::kDeleted,
                          .creation_ms = row.Int(4),
                          .last_update_ms = row.Int(5)});
  }));
  CutPage(page.items, request.max_results, offset, page.next_token);
  std::vector<int64_t> ids;
  for (const auto& experiment : page.items) ids.push_back(experiment.id);
  TRY(QueryInChunks(reader,
                    "SELECT experiment_id, key, value FROM experiment_tags "
                    "WHERE experiment_id IN ",
                    ids, " ORDER BY experiment_id, key", [&](const db::Row& row) {
                      const auto at = std::ranges::find(ids, row.Int(0)) - ids.begin();
                      page.items[static_cast<size_t>(at)].tags.push_back(
                          {row.Text(1), row.Text(2)});
                    }));
  return page;
}

}  // namespace tatara::tracking
