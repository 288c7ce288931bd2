#include <algorithm>

#include "base/strings.h"
#include "registry/rows.h"

namespace tatara::registry {
namespace {

using tracking::Comparison;
using tracking::SqlBuilder;

enum class Target { kModels, kVersions };

Result<bool> IsTag(const Comparison& comparison) {
  if (comparison.entity.empty() || comparison.entity == "attribute") return false;
  if (comparison.entity == "tag" || comparison.entity == "tags") return true;
  return Invalid("Invalid entity type '" + comparison.entity +
                 "'. Valid entity types are ('attribute', 'tag', 'tags')");
}

std::unexpected<Error> BadKey(std::string_view key, Target target) {
  return Invalid("Invalid attribute key '" + std::string(key) + "' specified. Valid keys are '" +
                 (target == Target::kModels ? "{'name'}"
                                            : "{'name', 'version_number', 'run_id', "
                                              "'source_path'}") +
                 "'");
}

Status AddAttribute(SqlBuilder& sql, const Comparison& comparison, Target target) {
  const std::string& key = comparison.key;
  if (key == "version_number" && target == Target::kVersions) {
    TRY(tracking::CheckNumericComparison(comparison, "attribute version_number"));
    if (comparison.kind == Comparison::Value::kFloat) {
      return Invalid("Invalid value for numeric attribute 'version_number': " + comparison.text);
    }
    sql.Add("t.version " + comparison.op + " ?").Bind(comparison.number);
    return {};
  }
  const bool known =
      key == "name" || (target == Target::kVersions && (key == "run_id" || key == "source_path"));
  if (!known) return BadKey(key, target);
  TRY(tracking::CheckTextComparison(comparison, "attribute: " + key, key != "source_path"));
  sql.AddTextCondition(key == "source_path" ? "t.source" : "t." + key, comparison);
  return {};
}

// Prompts are registered models with a tag; an ordinary search does not see them, and their tag in
// a filter only says which of both kinds is meant.
bool WantsPrompts(const std::vector<Comparison>& filter) {
  return std::ranges::any_of(filter, [](const Comparison& c) {
    if (c.key != kPromptTag || !c.entity.starts_with("tag")) return false;
    return (c.op == "=" && EqualsIgnoreCase(c.text, "true")) ||
           (c.op == "!=" && EqualsIgnoreCase(c.text, "false"));
  });
}

Status AddClause(SqlBuilder& sql, const Comparison& comparison, Target target) {
  if (comparison.op.starts_with("IS")) {
    return Invalid("IS NULL / IS NOT NULL is not supported here");
  }
  if (!TRY(IsTag(comparison))) return AddAttribute(sql, comparison, target);
  TRY(tracking::CheckTextComparison(comparison, "tag", false));
  sql.Add(target == Target::kModels
              ? "EXISTS (SELECT 1 FROM registered_model_tags g WHERE g.name = t.name"
              : "EXISTS (SELECT 1 FROM model_version_tags g WHERE g.name = t.name AND "
                "g.version = t.version")
      .Add(" AND g.key = ? AND ")
      .Bind(comparison.key)
      .AddTextCondition("g.value", comparison)
      .Add(")");
  return {};
}

Status AddFilter(SqlBuilder& sql, const std::string& text, Target target) {
  const auto filter = TRY(tracking::ParseFilter(text));
  const bool prompts = WantsPrompts(filter);
  if (!prompts) {
    const std::string tags =
        target == Target::kModels ? "registered_model_tags" : "model_version_tags";
    sql.Add(" AND NOT EXISTS (SELECT 1 FROM " + tags +
            " p WHERE p.name = t.name AND p.key = 'mlflow.prompt.is_prompt' AND p.value = 'true')");
  }
  for (const auto& comparison : filter) {
    const bool prompt_tag = TRY(IsTag(comparison)) && comparison.key == kPromptTag;
    if (prompt_tag && !prompts) continue;
    sql.Add(" AND ");
    TRY(AddClause(sql, comparison, target));
  }
  return {};
}

Result<std::string> OrderColumn(const std::string& key, Target target) {
  if (key == "name") return "t.name";
  if (key == "last_updated_timestamp") return "t.last_updated_ms";
  if (key == "timestamp" && target == Target::kModels) return "t.last_updated_ms";
  if (key == "creation_timestamp" && target == Target::kVersions) return "t.creation_ms";
  if (key == "version_number" && target == Target::kVersions) return "t.version";
  return Invalid("Invalid order by key '" + key + "' specified. Valid keys are '" +
                 (target == Target::kModels ? "{'name', 'timestamp'}"
                                            : "{'name', 'version_number', 'creation_timestamp', "
                                              "'last_updated_timestamp'}") +
                 "'");
}

Status AddOrder(SqlBuilder& sql, const std::vector<std::string>& clauses, Target target) {
  std::vector<std::string> seen;
  sql.Add(" ORDER BY ");
  for (const auto& clause : clauses) {
    const auto ordering = TRY(tracking::ParseOrderBy(clause));
    if (!ordering.entity.empty() && ordering.entity != "attribute") {
      return Invalid("Invalid order_by entity: " + ordering.entity);
    }
    const std::string column = TRY(OrderColumn(ordering.key, target));
    if (std::ranges::count(seen, column) > 0) {
      return Invalid("`order_by` contains duplicate fields: " + clause);
    }
    seen.push_back(column);
    sql.Add(column + (ordering.ascending ? ", " : " DESC, "));
  }
  if (clauses.empty() && target == Target::kVersions) sql.Add("t.last_updated_ms DESC, ");
  sql.Add(target == Target::kModels ? "t.name" : "t.name, t.version DESC");
  return {};
}

template <class T>
void CutPage(Page<T>& page, int64_t max_results, int64_t offset) {
  if (static_cast<int64_t>(page.items.size()) <= max_results) return;
  page.items.pop_back();
  page.next_token = tracking::MakePageToken(offset + max_results);
}

}  // namespace

Result<Page<Model>> SearchModels(db::Reader& reader, const tracking::SearchRequest& request) {
  const int64_t offset = TRY(tracking::ParsePageToken(request.page_token));
  SqlBuilder sql;
  sql.Add(
      "SELECT t.name, t.description, t.creation_ms, t.last_updated_ms "
      "FROM registered_models t WHERE 1 = 1");
  TRY(AddFilter(sql, request.filter, Target::kModels));
  TRY(AddOrder(sql, request.order_by, Target::kModels));
  sql.Add(" LIMIT ? OFFSET ?").Bind(request.max_results + 1).Bind(offset);
  Page<Model> page;
  TRY(sql.Query(reader, [&](const db::Row& row) {
    page.items.push_back({.name = row.Text(0),
                          .description = row.Text(1),
                          .creation_ms = row.Int(2),
                          .last_updated_ms = row.Int(3)});
  }));
  CutPage(page, request.max_results, offset);
  TRY(LoadModelChildren(reader, page.items));
  return page;
}

Result<Page<Version>> SearchVersions(db::Reader& reader, const tracking::SearchRequest& request) {
  const int64_t offset = TRY(tracking::ParsePageToken(request.page_token));
  SqlBuilder sql;
  sql.Add("SELECT " + ReplaceAll(kVersionColumns, "v.", "t.") +
          " FROM model_versions t WHERE t.stage <> 'Deleted_Internal'");
  TRY(AddFilter(sql, request.filter, Target::kVersions));
  TRY(AddOrder(sql, request.order_by, Target::kVersions));
  sql.Add(" LIMIT ? OFFSET ?").Bind(request.max_results + 1).Bind(offset);
  Page<Version> page;
  TRY(sql.Query(reader, [&](const db::Row& row) { page.items.push_back(VersionFromRow(row)); }));
  CutPage(page, request.max_results, offset);
  TRY(LoadVersionTags(reader, page.items));
  return page;
}

}  // namespace tatara::registry
