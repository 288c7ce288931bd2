#include "stats/drift.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "base/strings.h"

namespace tatara::stats {
namespace {

enum class Kind { kNumeric, kCategorical, kOther };

Kind KindOf(const DriftColumn& column, bool categorical) {
  switch (column.type) {
    case DriftColumn::Type::kInteger:
    case DriftColumn::Type::kFloat:
      return categorical ? Kind::kCategorical : Kind::kNumeric;
    case DriftColumn::Type::kText:
    case DriftColumn::Type::kBool:
      return Kind::kCategorical;
    case DriftColumn::Type::kOther:
      break;
  }
  return Kind::kOther;
}

DriftColumn* FindColumn(std::vector<DriftColumn>& columns, const std::string& name) {
  const auto at = std::find_if(columns.begin(), columns.end(),
                               [&](const DriftColumn& column) { return column.name == name; });
  return at == columns.end() ? nullptr : &*at;
}

Status CheckNames(const std::vector<std::string>& wanted, const char* option,
                  const std::vector<DriftColumn>& baseline,
                  const std::vector<DriftColumn>& current) {
  std::vector<std::string> known;
  for (const auto* side : {&baseline, &current}) {
    for (const DriftColumn& column : *side) known.push_back(column.name);
  }
  for (const std::string& name : wanted) {
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    return Invalid(std::string(option) + ": neither file has a column '" + name + "'" +
                   DidYouMean(name, known));
  }
  return {};
}

// A column that came without type and value is an empty column of the other side's type.
void AdoptType(DriftColumn& column, const DriftColumn& other) {
  if (!column.untyped || other.untyped) return;
  column.type = other.type;
  column.numbers.assign(static_cast<size_t>(column.rows), std::nan(""));
  column.texts.assign(static_cast<size_t>(column.rows), "");
  column.present.assign(static_cast<size_t>(column.rows), 0);
}

// Numbers as categories: integers (also where a file holds them as floats) without a fraction.
void MakeTexts(DriftColumn& column) {
  if (!column.texts.empty() || column.numbers.empty()) return;
  for (double value : column.numbers) {
    column.present.push_back(!std::isnan(value));
    const bool whole = value == std::trunc(value) && std::abs(value) < 0x1p63;
    column.texts.push_back(whole ? std::to_string(static_cast<int64_t>(value))
                                 : FormatDouble(value));
  }
}

std::variant<NumericDistance, CategoricalDistance> Distance(DriftColumn& before, DriftColumn& now,
                                                            Kind kind) {
  if (kind == Kind::kNumeric) return NumericBaseline::From(before.numbers).Compare(now.numbers);
  MakeTexts(before);
  MakeTexts(now);
  return CategoricalBaseline::From({before.texts, before.present})
      .Compare({now.texts, now.present});
}

Json OptionalNumber(const std::optional<double>& value) { return value ? Json(*value) : Json(); }

Json CountsJson(const Counts& counts) {
  return Json::Of({{"count", counts.present}, {"missing", counts.missing}});
}

Json Start(const std::string& name, const char* kind, const Counts& baseline,
           const Counts& current) {
  return Json::Of({{"name", name},
                   {"kind", kind},
                   {"baseline", CountsJson(baseline)},
                   {"current", CountsJson(current)}});
}

Json FeatureJson(const std::string& name, const NumericDistance& d) {
  Json out = Start(name, "numeric", d.baseline, d.current);
  out.Set("psi", OptionalNumber(d.psi));
  out.Set("js_distance", OptionalNumber(d.js_distance));
  out.Set("ks_statistic", OptionalNumber(d.ks_statistic));
  out.Set("ks_pvalue", OptionalNumber(d.ks_pvalue));
  out.Set("wasserstein", OptionalNumber(d.wasserstein));
  out.Set("wasserstein_norm", OptionalNumber(d.wasserstein_norm));
  out.Set("null_rate_difference", OptionalNumber(d.null_rate_difference));
  return out;
}

Json FeatureJson(const std::string& name, const CategoricalDistance& d) {
  Json out = Start(name, "categorical", d.baseline, d.current);
  out.Set("psi", OptionalNumber(d.psi));
  out.Set("js_distance", OptionalNumber(d.js_distance));
  out.Set("l_infinity", OptionalNumber(d.l_infinity));
  out.Set("chi_square", OptionalNumber(d.chi_square));
  out.Set("chi_square_pvalue", OptionalNumber(d.chi_square_pvalue));
  out.Set("null_rate_difference", OptionalNumber(d.null_rate_difference));
  return out;
}

Json NamesJson(const std::vector<std::string>& names) {
  return Json(Json::Array(names.begin(), names.end()));
}

}  // namespace

Result<DriftReport> CompareTables(std::vector<DriftColumn> baseline,
                                  std::vector<DriftColumn> current, const DriftOptions& options) {
  TRY(CheckNames(options.columns, "--columns", baseline, current));
  TRY(CheckNames(options.categorical, "--categorical", baseline, current));
  const std::set<std::string> wanted(options.columns.begin(), options.columns.end());
  const std::set<std::string> categories(options.categorical.begin(), options.categorical.end());
  const auto is_wanted = [&](const std::string& name) {
    return wanted.empty() || wanted.contains(name);
  };
  DriftReport report;
  for (DriftColumn& before : baseline) {
    if (!is_wanted(before.name)) continue;
    DriftColumn* now = FindColumn(current, before.name);
    if (now == nullptr) {
      report.only_in_baseline.push_back(before.name);
      continue;
    }
    AdoptType(before, *now);
    AdoptType(*now, before);
    const bool categorical = categories.contains(before.name);
    const Kind kind = KindOf(before, categorical);
    if (kind != KindOf(*now, categorical)) {
      report.type_changed.push_back(before.name);
    } else if (kind == Kind::kOther) {
      report.skipped.push_back(before.name);
    } else {
      report.features.push_back({before.name, Distance(before, *now, kind)});
    }
  }
  for (const DriftColumn& now : current) {
    if (is_wanted(now.name) && FindColumn(baseline, now.name) == nullptr) {
      report.only_in_current.push_back(now.name);
    }
  }
  return report;
}

Json ToJson(const DriftReport& report) {
  Json features = Json::MakeArray();
  for (const DriftFeature& feature : report.features) {
    features.Append(
        std::visit([&](const auto& d) { return FeatureJson(feature.name, d); }, feature.distance));
  }
  return Json::Of({{"features", std::move(features)},
                   {"only_in_baseline", NamesJson(report.only_in_baseline)},
                   {"only_in_current", NamesJson(report.only_in_current)},
                   {"type_changed", NamesJson(report.type_changed)},
                   {"skipped", NamesJson(report.skipped)}});
}

}  // namespace tatara::stats
