#include <algorithm>
#include <deque>
#include <map>
#include <memory>
#include <set>

#include "base/strings.h"
#include "features/columns.h"
#include "features/features.h"
#include "features/join.h"
#include "features/keys.h"
#include "features/ties.h"
#include "features/times.h"
#include "os/os.h"

namespace tatara::features {
namespace {

// A view of the service with its files opened and checked.
struct PlannedView {
  const View* view = nullptr;
  const Source* source = nullptr;
  Input input;
  std::vector<std::string> columns;
  std::vector<std::string> names;  // of the columns in the output
  std::vector<KeyMatch> keys;
  TimeUnit unit = TimeUnit::kMicros;
};

template <class T>
const T* FindNamed(const std::vector<T>& items, std::string_view name) {
  const auto at =
      std::find_if(items.begin(), items.end(), [&](const T& item) { return item.name == name; });
  return at == items.end() ? nullptr : &*at;
}

Result<const Service*> FindService(const FeatureConfig& config, std::string_view name) {
  if (const Service* service = FindNamed(config.services, name)) return service;
  std::vector<std::string> names;
  for (const Service& service : config.services) names.push_back(service.name);
  return NotFound("there is no feature service '" + std::string(name) + "'" +
                  DidYouMean(name, names));
}

std::string PathIn(const std::string& folder, const std::string& path) {
  if (sql::IsRemote(path) || path.starts_with('/') || folder == ".") return path;
  return os::JoinPath(folder, path);
}

// The view's columns: those listed, or all that are not key, time or created.
std::vector<std::string> ColumnsOf(const View& view, const Source& source, const Input& input) {
  if (!view.columns.empty()) return view.columns;
  std::set<std::string> used(source.keys.begin(), source.keys.end());
  used.insert(source.time);
  used.insert(source.created);
  std::vector<std::string> columns;
  for (const sql::ColumnInfo& column : input.file.columns) {
    if (!used.contains(column.name)) columns.push_back(column.name);
  }
  return columns;
}

class Builder {
 public:
  Builder(const FeatureConfig& config, const BuildOptions& options)
      : config_(config), options_(options) {}

  Result<BuildReport> Run(std::string_view service_name) {
    const Service* service = TRY(FindService(config_, service_name));
    (void)TRY(sql::FormatOf(options_.output));
    engine_ = TRY(sql::Engine::Open());
    spine_ = TRY(OpenInput(*engine_, "spine", options_.spine));
    for (const std::string& name : service->views) views_.push_back(TRY(Plan(name)));
    TRY(CheckNames());
    return Join();
  }

 private:
  Result<PlannedView> Plan(const std::string& name) {
    PlannedView plan;
    plan.view = FindNamed(config_.views, name);
    CHECK(plan.view != nullptr);
    plan.source = FindNamed(config_.sources, plan.view->source);
    CHECK(plan.source != nullptr);
    const Source& source = *plan.source;
    plan.input = TRY(
        OpenInput(*engine_, "source '" + source.name + "'", PathIn(options_.folder, source.path)));
    TRY(UseTime(plan, spine_, options_.time_column));
    TRY(UseTime(plan, plan.input, source.time));
    if (!source.created.empty()) TRY(UseTime(plan, plan.input, source.created));
    for (const std::string& key : source.keys) {
      plan.keys.push_back(TRY(MatchKey(spine_, plan.input, key)));
    }
    plan.columns = ColumnsOf(*plan.view, source, plan.input);
    if (plan.columns.empty()) return Invalid("view '" + name + "' has no column beside its keys");
    for (const std::string& column : plan.columns) {
      (void)TRY(plan.input.Find(column));
      plan.names.push_back(options_.full_names ? name + "__" + column : column);
    }
    return plan;
  }

  // Checks a time column and makes the plan's unit fine enough for it.
  static Status UseTime(PlannedView& plan, const Input& input, const std::string& column) {
    const sql::ColumnInfo info = TRY(input.Find(column));
    const TimeUnit unit =
        TRY(UnitOf(info, input.file.is_csv, input.label + ": time column '" + column + "'"));
    if (unit == TimeUnit::kNanos) plan.unit = unit;
    return {};
  }

  Status CheckNames() const {
    std::set<std::string> seen;
    const auto add = [&](const std::string& name, const std::string& whose) -> Status {
      // The engine's names know no case.
      if (seen.insert(Lower(name)).second) return {};
      return Invalid("column '" + name + "' of " + whose +
                     " is in the output already; --full-names calls it view__column");
    };
    for (const sql::ColumnInfo& column : spine_.file.columns) TRY(add(column.name, "the spine"));
    for (const PlannedView& plan : views_) {
      for (const std::string& name : plan.names) TRY(add(name, "view '" + plan.view->name + "'"));
    }
    return {};
  }

  Result<BuildReport> Join() {
    BuildReport report;
    std::deque<std::vector<int64_t>> picks;
    std::vector<std::unique_ptr<sql::RowSet>> kept;
    for (const PlannedView& plan : views_) {
      int64_t source_rows = 0;
      picks.push_back(TRY(MatchRows(plan, source_rows)));
      const auto& pick = picks.back();
      report.views.push_back(
          {plan.view->name,
           std::count_if(pick.begin(), pick.end(), [](int64_t row) { return row != kNoRow; })});
      kept.push_back(TRY(FetchWinners(plan, source_rows, picks.back())));
    }
    // After the keys were checked: what is wrong with them is said better there.
    const auto spine_rows = TRY(FetchSpine());
    report.rows = static_cast<int64_t>(spine_rows->rows());
    std::vector<sql::OutputColumn> output;
    for (size_t c = 0; c < spine_.file.columns.size(); ++c) {
      output.push_back({spine_.file.columns[c].name, spine_rows.get(), c, {}});
    }
    for (size_t v = 0; v < views_.size(); ++v) {
      for (size_t c = 0; c < views_[v].columns.size(); ++c) {
        output.push_back({views_[v].names[c], kept[v].get(), c, picks[v]});
      }
    }
    (void)TRY(engine_->Write(output, options_.output));
    return report;
  }

  // The spine as it goes out. From CSV to CSV it stays the text that it is; otherwise its columns
  // get types, keys those of the sources that they meet.
  Result<std::unique_ptr<sql::RowSet>> FetchSpine() {
    const bool to_csv = *sql::FormatOf(options_.output) == sql::FileFormat::kCsv;
    std::string rows = spine_.file.raw;
    if (spine_.file.is_csv && !to_csv) rows = spine_.file.TypedAs(TRY(KeyTypes()));
    return engine_->Fetch({.text = "SELECT * FROM " + rows, .parameters = {}, .limits = {}});
  }

  // The types of a CSV spine's keys: those of the first source that has one, else text.
  Result<std::vector<sql::FileScan::TypedColumn>> KeyTypes() const {
    std::map<std::string, std::string> types;
    for (const PlannedView& plan : views_) {
      for (const std::string& key : plan.source->keys) {
        const sql::ColumnInfo info = TRY(plan.input.Find(key));
        std::string& type = types[key];
        if (!type.empty() || plan.input.file.is_csv) continue;
        type = info.type == sql::Type::kText ? "VARCHAR" : info.declared;
      }
    }
    std::vector<sql::FileScan::TypedColumn> out;
    for (const auto& [key, type] : types) out.push_back({key, type.empty() ? "VARCHAR" : type});
    return out;
  }

  // For each spine row the number of the source's row that it gets. Counts the source's rows.
  Result<std::vector<int64_t>> MatchRows(const PlannedView& plan, int64_t& source_rows) {
    KeyIndex keys(plan.keys.size());
    const auto spine = TRY(ReadSpine(plan, keys));
    PointInTimeJoin join(spine, plan.view->filter_created);
    source_rows = TRY(OfferSource(plan, keys, join));
    join.Finish();
    TRY(BreakTies(plan, join));
    std::optional<__int128> ttl;
    if (plan.view->ttl) {
      ttl = static_cast<__int128>(plan.view->ttl->count()) *
            (plan.unit == TimeUnit::kNanos ? 1000 : 1);
    }
    return join.Winners(ttl);
  }

  Status BreakTies(const PlannedView& plan, PointInTimeJoin& join) {
    auto ties = join.Ties();
    if (ties.empty()) return {};
    TieBreaker breaker(std::move(ties));
    Status read = engine_->Stream(ValuesOf(plan), [&](const sql::Table& chunk) -> Status {
      breaker.Take(chunk);
      return {};
    });
    if (read) breaker.Settle(join);
    return read;
  }

  Result<std::vector<SpineRow>> ReadSpine(const PlannedView& plan, KeyIndex& keys) {
    std::vector<std::string> columns;
    for (const KeyMatch& key : plan.keys) columns.push_back(key.spine);
    columns.push_back(sql::QuoteName(options_.time_column));
    const std::string what = "spine: time column '" + options_.time_column + "'";
    std::vector<SpineRow> rows;
    std::vector<int32_t> numbers;
    std::vector<int64_t> times;
    const auto take = [&](const sql::Table& chunk) -> Status {
      keys.InsertRows(chunk, numbers);
      TRY(ReadTimes(chunk.columns[plan.keys.size()], plan.unit, what, times));
      for (size_t row = 0; row < times.size(); ++row) rows.push_back({numbers[row], times[row]});
      return {};
    };
    TRY(engine_->Stream(Select(columns, spine_.file.raw), take));
    return rows;
  }

  // Offers all of the source's rows; how many there are.
  Result<int64_t> OfferSource(const PlannedView& plan, const KeyIndex& keys,
                              PointInTimeJoin& join) {
    const Source& source = *plan.source;
    std::vector<std::string> columns;
    for (const KeyMatch& key : plan.keys) columns.push_back(key.source);
    columns.push_back(sql::QuoteName(source.time));
    if (!source.created.empty()) columns.push_back(sql::QuoteName(source.created));
    std::vector<int32_t> numbers;
    std::vector<int64_t> times, created;
    int64_t next = 0;
    const std::string label = plan.input.label + ": time column '";
    const auto take = [&](const sql::Table& chunk) -> Status {
      keys.FindRows(chunk, numbers);
      const size_t at = plan.keys.size();
      TRY(ReadTimes(chunk.columns[at], plan.unit, label + source.time + "'", times));
      created.assign(times.size(), kNoTime);
      if (!source.created.empty()) {
        TRY(ReadTimes(chunk.columns[at + 1], plan.unit, label + source.created + "'", created));
      }
      for (size_t row = 0; row < times.size(); ++row) {
        join.Offer(numbers[row], times[row], created[row], next++);
      }
      return {};
    };
    TRY(engine_->Stream(Select(columns, plan.input.file.raw), take));
    return next;
  }

  // Fetches the rows that were picked and turns their numbers into places among them.
  Result<std::unique_ptr<sql::RowSet>> FetchWinners(const PlannedView& plan, int64_t source_rows,
                                                    std::vector<int64_t>& pick) {
    std::vector<uint8_t> wanted(static_cast<size_t>(source_rows));
    for (int64_t row : pick) {
      if (row != kNoRow) wanted[static_cast<size_t>(row)] = 1;
    }
    std::vector<uint32_t> place(wanted.size() + 1);
    for (size_t row = 0; row < wanted.size(); ++row) place[row + 1] = place[row] + wanted[row];
    for (int64_t& row : pick) {
      if (row != kNoRow) row = place[static_cast<size_t>(row)];
    }
    return engine_->Fetch(ValuesOf(plan), wanted);
  }

  static sql::Query Select(const std::vector<std::string>& columns, const std::string& scan) {
    return {.text = "SELECT " + tatara::Join(columns, ", ") + " FROM " + scan,
            .parameters = {},
            .limits = {}};
  }

  static sql::Query ValuesOf(const PlannedView& plan) {
    std::vector<std::string> columns;
    for (const std::string& column : plan.columns) columns.push_back(sql::QuoteName(column));
    return Select(columns, plan.input.file.typed);
  }

  const FeatureConfig& config_;
  const BuildOptions& options_;
  std::unique_ptr<sql::Engine> engine_;
  Input spine_;
  std::vector<PlannedView> views_;
};

}  // namespace

Result<BuildReport> Build(const FeatureConfig& config, std::string_view service,
                          const BuildOptions& options) {
  return Builder(config, options).Run(service);
}

}  // namespace tatara::features
