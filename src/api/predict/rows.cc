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
  const auto& binding = *version.binding;
  for (size_t i = 0; i < binding.inputs.size(); ++i) {
    Tensor tensor;
    tensor.type = version.model->inputs()[i].type;
    tensors_.push_back(std::move(tensor));
    widths_.push_back(binding.inputs[i].columns.size());
  }
  size_t texts = 0;
  for (const auto& column : version.layout.columns) {
    text_places_.push_back(column.text ? texts++ : kUnknown);
  }
  seen_.assign(binding.columns.size(), 0);
}

Status RowBuilder::SetColumns(std::span<const std::string> names) {
  const auto& wanted = version_.binding->columns;
  names_.assign(names.begin(), names.end());
  columns_.clear();
  std::vector<uint8_t> found(wanted.size(), 0);
  for (size_t i = 0; i < names_.size(); ++i) {
    // Mostly the columns come in the model's own order.
    size_t column =
        i < wanted.size() && wanted[i] == names_[i]
            ? i
            : static_cast<size_t>(std::ranges::find(wanted, names_[i]) - wanted.begin());
    if (column == wanted.size()) column = kUnknown;
    if (column != kUnknown && std::exchange(found[column], 1) != 0) {
      return Invalid("column '" + names_[i] + "' is given twice");
    }
    columns_.push_back(column);
  }
  const auto missing = std::ranges::find(found, 0);
  if (missing == found.end()) return {};
  return Invalid("column '" + wanted[static_cast<size_t>(missing - found.begin())] +
                 "', which the model needs, is missing");
}

size_t RowBuilder::PositionOf(std::string_view name, size_t guess) {
  if (guess < names_.size() && names_[guess] == name) return guess;
  const auto known = std::ranges::find(names_, name);
  if (known != names_.end()) return static_cast<size_t>(known - names_.begin());
  const auto& wanted = version_.binding->columns;
  const auto column = std::ranges::find(wanted, name);
  names_.emplace_back(name);
  columns_.push_back(column == wanted.end() ? kUnknown
                                            : static_cast<size_t>(column - wanted.begin()));
  return names_.size() - 1;
}

void RowBuilder::BeginRow() {
  for (size_t i = 0; i < tensors_.size(); ++i) {
    Tensor& tensor = tensors_[i];
    if (tensor.type == inference::DataType::kBytes) {
      tensor.strings.resize(tensor.strings.size() + widths_[i]);
    } else {
      tensor.bytes.resize(tensor.bytes.size() + widths_[i] * inference::ElementSize(tensor.type));
    }
  }
  cells_.numbers.resize(cells_.numbers.size() + version_.layout.columns.size(),
                        std::numeric_limits<double>::quiet_NaN());
  cells_.texts.resize(cells_.texts.size() + version_.layout.texts);
  if (rows_ > 0) std::ranges::fill(seen_, 0);
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
                                    row * widths_[target.input] + target.column, cell);
    if (!put) return BadCell(column, put.error());
  }
  if (cell.kind != Cell::Kind::kText) {
    cells_.numbers[row * version_.layout.columns.size() + column] = cell.AsDouble();
  } else {
    cells_.texts[row * version_.layout.texts + text_places_[column]] = cell.text;
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

bool RowBuilder::WantsText(size_t position) const {
  const size_t column = columns_[position];
  return column != kUnknown && version_.layout.columns[column].text;
}

void RowBuilder::Finish(serving::Call& call) {
  for (size_t i = 0; i < tensors_.size(); ++i) {
    tensors_[i].shape = {rows_};
    if (!version_.binding->inputs[i].flat) {
      tensors_[i].shape.push_back(static_cast<int64_t>(widths_[i]));
    }
  }
  call.rows = rows_;
  call.inputs = std::move(tensors_);
  call.cells = std::move(cells_);
}

}  // namespace tatara::api
