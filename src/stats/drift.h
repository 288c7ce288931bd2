// The report of `tatara drift`: two tables, column by column. Reading files is the caller's work.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "stats/distances.h"

namespace tatara::stats {

struct DriftColumn {
  enum class Type { kInteger, kFloat, kText, kBool, kOther };
  std::string name;
  Type type = Type::kOther;
  // True: the file gave no type and no value (an empty CSV column); takes the other side's type.
  bool untyped = false;
  int64_t rows = 0;
  std::vector<double> numbers;  // kInteger, kFloat; NaN is missing
  // kText, kBool ("true", "false"). Filled for kInteger too, exactly, it serves when the column is
  // taken as categories; else those are made from `numbers`.
  std::vector<std::string> texts;
  std::vector<uint8_t> present;  // of texts
};

struct DriftOptions {
  std::vector<std::string> columns;      // empty: all; a name that neither side has is an error
  std::vector<std::string> categorical;  // numbers to be taken as categories
};

struct DriftFeature {
  std::string name;
  std::variant<NumericDistance, CategoricalDistance> distance;
};

struct DriftReport {
  std::vector<DriftFeature> features;  // in the order of the baseline's columns
  std::vector<std::string> only_in_baseline;
  std::vector<std::string> only_in_current;
  std::vector<std::string> type_changed;
  std::vector<std::string> skipped;  // neither numbers nor categories
};

Result<DriftReport> CompareTables(std::vector<DriftColumn> baseline,
                                  std::vector<DriftColumn> current, const DriftOptions& options);
Json ToJson(const DriftReport& report);

}  // namespace tatara::stats
