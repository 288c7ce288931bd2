#include "sql/column.h"

#include <array>
#include <charconv>
#include <cmath>

#include "base/hash.h"
#include "base/json.h"
#include "base/strings.h"
#include "base/time.h"

namespace tatara::sql {
namespace {

constexpr int64_t kDayMicros = 86'400'000'000;
// DuckDB's infinite dates and times.
constexpr int64_t kInfinity = INT64_MAX;
constexpr int64_t kInfiniteDays = INT32_MAX;

std::string DateText(int64_t days) {
  if (days == kInfiniteDays) return "infinity";
  if (days == -kInfiniteDays) return "-infinity";
  const std::string midnight = FormatTime(FromMicros(days * kDayMicros));
  return midnight.substr(0, midnight.find('T'));
}

std::string TimestampText(int64_t micros) {
  if (micros == kInfinity) return "infinity";
  if (micros == -kInfinity) return "-infinity";
  return FormatTime(FromMicros(micros));
}

std::string NanosText(int64_t nanos) {
  if (nanos == kInfinity || nanos == -kInfinity) return TimestampText(nanos);
  const int64_t part = ((nanos % 1000) + 1000) % 1000;
  const int64_t micros = (nanos - part) / 1000;
  if (part == 0) return TimestampText(micros);
  // Six decimals of microseconds, whole, and three more.
  const int64_t fraction = (((micros % 1'000'000) + 1'000'000) % 1'000'000) * 1000 + part;
  std::string text = FormatTime(FromMicros(micros - fraction / 1000));
  std::string digits = std::to_string(fraction);
  digits.insert(0, 9 - digits.size(), '0');
  return text.substr(0, text.size() - 1) + "." + digits + "Z";
}

// A float's shortest text, not that of the double it was widened to.
std::string FloatText(float value) {
  if (!std::isfinite(value)) return FormatDouble(value);
  char buffer[32];
  return {buffer, std::to_chars(buffer, buffer + sizeof buffer, value).ptr};
}

}  // namespace

std::string_view TypeName(Type type) {
  constexpr std::array<std::string_view, 11> kNames = {
      "bool",      "integer",      "float", "decimal", "text", "date",
      "timestamp", "timestamp_ns", "blob",  "other",   "json"};
  return kNames[static_cast<size_t>(type)];
}

std::vector<double> Column::Numbers() const {
  std::vector<double> out(rows(), std::nan(""));
  for (size_t row = 0; row < rows(); ++row) {
    if (valid[row]) out[row] = doubles.empty() ? static_cast<double>(ints[row]) : doubles[row];
  }
  return out;
}

const Column* Table::Find(std::string_view name) const {
  for (const Column& column : columns) {
    if (column.name == name) return &column;
  }
  return nullptr;
}

std::string CellText(const Column& column, size_t row) {
  if (!column.valid[row]) return "";
  switch (column.type) {
    case Type::kBool:
      return column.ints[row] ? "true" : "false";
    case Type::kInt:
      return std::to_string(column.ints[row]);
    case Type::kDouble:
      if (column.declared == "FLOAT") return FloatText(static_cast<float>(column.doubles[row]));
      return FormatDouble(column.doubles[row]);
    case Type::kDate:
      return DateText(column.ints[row]);
    case Type::kTimestamp:
      return TimestampText(column.ints[row]);
    case Type::kTimestampNanos:
      return NanosText(column.ints[row]);
    default:
      return column.texts[row];
  }
}

void AppendCellJson(std::string& out, const Column& column, size_t row) {
  if (!column.valid[row]) {
    out += "null";
    return;
  }
  switch (column.type) {
    case Type::kDouble:
      if (!std::isfinite(column.doubles[row])) {
        out += "null";
        return;
      }
      [[fallthrough]];
    case Type::kBool:
    case Type::kInt:
    case Type::kDecimal:
      out += CellText(column, row);
      return;
    case Type::kJson:
      out += column.texts[row];
      return;
    default:
      break;
  }
  const std::string text = CellText(column, row);
  AppendJsonString(out, column.type == Type::kBlob && !IsValidUtf8(text) ? ToHex(text) : text);
}

}  // namespace tatara::sql
