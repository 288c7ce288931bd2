#include "api/predict/rows.h"

#include <algorithm>
#include <limits>

namespace tatara::api {

using inference::Cell;
using inference::Tensor;

Status CheckBound(const serving::Version& version) {
  if (version.binding) return {};
  return Invalid("version " + version.name + " of endpoint '" + version.endpoint +
                 "' takes no rows with named columns: " + version.unbound);
}

RowBuilder::RowBuilder(const serving::Version& version) : version_(version) {
  const auto& inputs = version.model->inputs();
  tensors_.resize(inputs.size());
  for (size_t i = 0; i < inputs.size(); ++i) tensors_[i].type = inputs[i].type;
  columns_.reserve(version.binding->columns.size() + 1);
  seen_.assign(version.binding->columns.size(), 0);
}

// Mostly the columns come in the model's own order.
size_t RowBuilder::ColumnOf(std::string_view name, size_t guess) const {
  const auto& wanted = version_.binding->columns;
  if (guess < wanted.size() && wanted[guess] == name) return guess;
  const auto found = std::ranges::find(wanted, name);
  return found == wanted.end() ? kUnknown : static_cast<size_t>(found - wanted.begin());
}

Status RowBuilder::AddColumn(std::string_view name) {
  const size_t column = ColumnOf(name, columns_.size());
  columns_.push_back(column);
  if (column == kUnknown) return {};
  ++seen_count_;
  if (std::exchange(seen_[column], 1) == 0) return {};
  return Invalid("column '" + std::string(name) + "' is given twice");
}

Status RowBuilder::CheckColumns() const {
  if (seen_count_ == seen_.size()) return {};
  const auto missing = static_cast<size_t>(std::ranges::find(seen_, 0) - seen_.begin());
  return Invalid("column '" + version_.binding->columns[missing] +
                 "', which the model needs, is missing");
}

size_t RowBuilder::PositionOf(std::string_view name, size_t guess) {
  if (guess < names_.size() && names_[guess] == name) return guess;
  const auto known = std::ranges::find(names_, name);
  if (known != names_.end()) return static_cast<size_t>(known - names_.begin());
  names_.emplace_back(name);
  columns_.push_back(ColumnOf(name, guess));
  return names_.size() - 1;
}

void RowBuilder::BeginRow() {
  for (size_t i = 0; i < tensors_.size(); ++i) {
    Tensor& tensor = tensors_[i];
    if (tensor.type == inference::DataType::kBytes) {
      tensor.strings.resize(tensor.strings.size() + WidthOf(i));
    } else {
      tensor.bytes.resize(tensor.bytes.size() + WidthOf(i) * inference::ElementSize(tensor.type));
    }
  }
  cells_.numbers.resize(cells_.numbers.size() + version_.layout.columns.size(),
                        std::numeric_limits<double>::quiet_NaN());
  cells_.texts.resize(cells_.texts.size() + version_.layout.texts);
  // Names that come one by one may miss a column in any row.
  if (columns_.size() != names_.size()) return;
  std::ranges::fill(seen_, 0);
  seen_count_ = 0;
}

std::unexpected<Error> RowBuilder::BadCell(size_t column, const Error& error) const {
  return Invalid("column '" + version_.binding->columns[column] + "', row " +
                 std::to_string(rows_ + 1) + ": " + error.message);
}

Status RowBuilder::Put(size_t position, const Cell& cell) {
  const size_t column = columns_[position];
  if (column == kUnknown) return {};
  const auto row = static_cast<size_t>(rows_);
  for (const auto& target : version_.targets[column]) {
    Status put = inference::PutCell(tensors_[target.input],
                                    row * WidthOf(target.input) + target.column, cell);
    if (!put) return BadCell(column, put.error());
  }
  if (cell.kind != Cell::Kind::kText) {
    cells_.numbers[row * version_.layout.columns.size() + column] = cell.AsDouble();
  } else {
    cells_.texts[row * version_.layout.texts + TextPlaceOf(column)] = cell.text;
  }
  if (std::exchange(seen_[column], 1) == 0) ++seen_count_;
  return {};
}

Status RowBuilder::EndRow() {
  if (seen_count_ != seen_.size()) {
    const auto missing = static_cast<size_t>(std::ranges::find(seen_, 0) - seen_.begin());
    return BadCell(missing, {Code::kInvalid, "the column, which the model needs, is missing"});
  }
  ++rows_;
  return {};
}

size_t RowBuilder::TextPlaceOf(size_t column) const {
  const std::span before = std::span(version_.layout.columns).first(column);
  return static_cast<size_t>(
      std::ranges::count_if(before, [](const auto& other) { return other.text; }));
}

bool RowBuilder::WantsText(size_t position) const {
  const size_t column = columns_[position];
  return column != kUnknown && version_.layout.columns[column].text;
}

void RowBuilder::Finish(serving::Call& call) {
  for (size_t i = 0; i < tensors_.size(); ++i) {
    if (version_.binding->inputs[i].flat)
      tensors_[i].shape = {rows_};
    else
      tensors_[i].shape = {rows_, static_cast<int64_t>(WidthOf(i))};
  }
  call.rows = rows_;
  call.inputs = std::move(tensors_);
  call.cells = std::move(cells_);
}

}  // namespace tatara::api
