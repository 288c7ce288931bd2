// Pieces of SQL that the searches of tracking and registry share; of no use to others.
#pragma once

#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "db/db.h"
#include "tracking/filter.h"
#include "tracking/types.h"

namespace tatara::tracking {

// A statement that is built at run time, with its parameters. Texts are copied in, since db::Value
// only borrows them. Move-only.
class SqlBuilder {
 public:
  SqlBuilder() = default;
  SqlBuilder(SqlBuilder&&) = default;
  SqlBuilder& operator=(SqlBuilder&&) = default;

  SqlBuilder& Add(std::string_view sql) {
    sql_ += sql;
    return *this;
  }
  SqlBuilder& Bind(std::string_view text) {
    texts_.emplace_back(text);
    values_.push_back(db::Value(std::string_view(texts_.back())));
    return *this;
  }
  SqlBuilder& Bind(int64_t number) {
    values_.push_back(db::Value(number));
    return *this;
  }
  SqlBuilder& Bind(double number) {
    values_.push_back(db::Value(number));
    return *this;
  }
  // Text and values of another one behind these.
  SqlBuilder& Append(SqlBuilder other) {
    sql_ += other.sql_;
    size_t text = 0;
    for (const auto& value : other.values_) {
      if (std::holds_alternative<std::string_view>(value.get())) {
        Bind(other.texts_[text++]);
      } else {
        values_.push_back(value);
      }
    }
    return *this;
  }
  // "(?, ?, ?)" with its values.
  template <class List>
  SqlBuilder& BindList(const List& list) {
    sql_ += '(';
    for (const auto& item : list) {
      if (sql_.back() == '?') sql_ += ", ";
      sql_ += '?';
      Bind(item);
    }
    sql_ += ')';
    return *this;
  }
  // "column OP ?" for a text column, by MLflow's operators: LIKE heeds case, ILIKE does not.
  // The comparison's operator and value must fit (kString, or kList for IN).
  SqlBuilder& AddTextCondition(std::string_view column, const Comparison& comparison);

  Status Query(db::Reader& reader, const db::RowFn& fn) const {
    return reader.QueryWith(sql_, values_, fn);
  }
  const std::string& sql() const { return sql_; }

 private:
  std::string sql_;
  std::vector<db::Value> values_;
  std::deque<std::string> texts_;
};

// The text of a statement up to its list of ids, with the values of its own placeholders.
struct Head {
  Head(const char* text) : sql(text) {}
  Head(std::string_view text) : sql(text) {}
  Head(const std::string& text) : sql(text) {}
  Head(std::string_view text, std::vector<db::Value> values)
      : sql(text), params(std::move(values)) {}
  std::string_view sql;
  std::vector<db::Value> params;
};

// Runs `head (?, ?, ... ?) tail` over the ids in chunks of one size, so that the text of the
// statement is always the same and stays prepared; the last chunk repeats its last id. A single id
// has a statement of its own, since most calls have one.
template <class Id, class Fn>
Status QueryInChunks(db::Reader& reader, const Head& head, const std::vector<Id>& ids,
                     std::string_view tail, Fn&& fn) {
  const size_t chunk = ids.size() == 1 ? 1 : 64;
  std::string sql(head.sql);
  for (size_t i = 0; i < chunk; ++i) sql += i == 0 ? "(?" : ", ?";
  sql += ')';
  sql += tail;
  std::vector<db::Value> values;
  for (size_t begin = 0; begin < ids.size(); begin += chunk) {
    values = head.params;
    for (size_t i = 0; i < chunk; ++i) {
      values.push_back(db::Value(ids[std::min(begin + i, ids.size() - 1)]));
    }
    TRY(reader.QueryWith(sql, values, fn));
  }
  return {};
}

// INSERT of rows of one shape: `head (?, ?), (?, ?) tail`.
struct RowInsert {
  std::string_view head;
  size_t columns = 0;
  std::string_view tail;
};
// Runs it over the values of any number of rows, many rows to a statement, with few different
// statements, so that they stay prepared.
Status InsertInChunks(db::Tx& tx, const RowInsert& insert, std::span<const db::Value> values);

inline bool IsTextOperator(std::string_view op) {
  return op == "=" || op == "!=" || op == "LIKE" || op == "ILIKE";
}
inline bool IsListOperator(std::string_view op) { return op == "IN" || op == "NOT IN"; }
inline bool IsNumericOperator(std::string_view op) {
  return op == "=" || op == "!=" || op == "<" || op == "<=" || op == ">" || op == ">=";
}

// What a comparison of texts must be: a text operator with a quoted string, or, where lists are
// allowed, IN with a list. The message names `what`.
Status CheckTextComparison(const Comparison& comparison, std::string_view what, bool lists);
// A numeric operator with a number.
Status CheckNumericComparison(const Comparison& comparison, std::string_view what);

// "tag(s)", "attr(ibute(s))"/"run", ... or empty: the one name of an entity's kind.
enum class Entity { kAttribute, kMetric, kParam, kTag, kDataset };
Result<Entity> ParseEntity(std::string_view written);

}  // namespace tatara::tracking
