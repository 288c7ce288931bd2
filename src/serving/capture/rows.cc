#include "serving/capture/rows.h"

#include <algorithm>
#include <cmath>

#include "base/strings.h"

namespace tatara::serving {
namespace {

// A column that takes numbers and turns to text with the first text that comes.
class MixedColumn {
 public:
  void Number(double value) {
    if (text_) return Text(std::isnan(value) ? "" : FormatDouble(value), !std::isnan(value));
    column_.valid.push_back(!std::isnan(value));
    column_.doubles.push_back(std::isnan(value) ? 0 : value);
  }
  void Text(std::string value, bool valid = true) {
    if (!text_) ToText();
    column_.valid.push_back(valid);
    column_.texts.push_back(std::move(value));
  }
  void Null() { text_ ? Text("", false) : Number(NAN); }
  sql::Column Take(std::string name) {
    column_.name = std::move(name);
    column_.type = text_ ? sql::Type::kText : sql::Type::kDouble;
    column_.declared = text_ ? "VARCHAR" : "DOUBLE";
    return std::move(column_);
  }
  size_t rows() const { return column_.valid.size(); }

 private:
  void ToText() {
    text_ = true;
    for (size_t i = 0; i < column_.doubles.size(); ++i) {
      column_.texts.push_back(column_.valid[i] ? FormatDouble(column_.doubles[i]) : "");
    }
    column_.doubles.clear();
  }
  bool text_ = false;
  sql::Column column_;
};

// What a row takes in memory, about.
size_t BytesOf(const RowView& row) {
  size_t bytes = 128 + row.id.size() + row.numbers.size_bytes();
  for (const std::string& text : row.texts) bytes += sizeof(text) + text.size();
  for (const Prediction& prediction : row.predictions) {
    const auto* text = std::get_if<std::string>(&prediction);
    bytes += sizeof(prediction) + (text != nullptr ? text->size() : 0);
  }
  return bytes;
}

sql::Column FixedColumn(std::string name, sql::Type type, std::string declared) {
  sql::Column column;
  column.name = std::move(name);
  column.type = type;
  column.declared = std::move(declared);
  return column;
}

}  // namespace

class RowStore::TableBuilder {
 public:
  void Add(const RowStore& store, const Block& block, size_t row) {
    ids_.texts.emplace_back(block.id(row));
    times_.ints.push_back(block.times[row]);
    versions_.texts.push_back(store.versions_[block.versions[row]]);
    sequences_.ints.push_back(block.sequences[row]);
    if (layout_ != &block.layout) Map(block.layout);
    const size_t width = block.layout.columns.size();
    size_t text = row * block.layout.texts;
    for (size_t c = 0; c < width; ++c) {
      MixedColumn& column = inputs_[map_[c]].second;
      if (block.layout.columns[c].text)
        column.Text(block.texts[text++]);
      else
        column.Number(block.numbers[row * width + c]);
    }
    ++rows_;
    for (auto& [name, column] : inputs_) {
      if (column.rows() < rows_) column.Null();
    }
    AddPredictions(block, row);
    AddTruth(block.truths[row]);
  }

  sql::Table Take(bool sequences) {
    sql::Table table;
    const auto fixed = [&](sql::Column& column) {
      column.valid.assign(rows_, 1);
      table.columns.push_back(std::move(column));
    };
    if (sequences) fixed(sequences_);
    fixed(ids_);
    fixed(times_);
    fixed(versions_);
    for (auto& [name, column] : inputs_) table.columns.push_back(column.Take(name));
    table.columns.push_back(prediction_.Take("prediction"));
    for (auto& [name, column] : outputs_) {
      // Another version may have an input of that name.
      const bool taken = std::ranges::any_of(
          inputs_, [&](const auto& input) { return EqualsIgnoreCase(input.first, name); });
      table.columns.push_back(column.Take(taken ? "output_" + name : name));
    }
    if (!sequences) table.columns.push_back(truth_.Take("truth"));
    return table;
  }

 private:
  using Columns = std::vector<std::pair<std::string, MixedColumn>>;
  void Map(const Layout& layout) {
    layout_ = &layout;
    map_.clear();
    output_map_.clear();
    for (const Layout::Column& column : layout.columns)
      map_.push_back(PlaceOf(inputs_, column.name));
    for (const std::string& name : layout.outputs) output_map_.push_back(PlaceOf(outputs_, name));
  }
  // Of the column of that name, which is made if it is not there.
  size_t PlaceOf(Columns& columns, const std::string& name) const {
    auto found = std::ranges::find(columns, name, [](auto& entry) { return entry.first; });
    if (found == columns.end()) {
      found = columns.insert(columns.end(), {name, {}});
      for (size_t i = 0; i < rows_; ++i) found->second.Null();
    }
    return static_cast<size_t>(found - columns.begin());
  }
  void AddPredictions(const Block& block, size_t row) {
    const size_t width = 1 + block.layout.outputs.size();
    const auto values = std::span(block.predictions).subspan(row * width, width);
    AddPrediction(prediction_, values[0]);
    for (size_t i = 1; i < width; ++i)
      AddPrediction(outputs_[output_map_[i - 1]].second, values[i]);
    for (auto& [name, column] : outputs_) {
      if (column.rows() < rows_) column.Null();
    }
  }
  static void AddPrediction(MixedColumn& column, const Prediction& value) {
    if (const auto* number = std::get_if<double>(&value)) return column.Number(*number);
    if (const auto* text = std::get_if<std::string>(&value)) return column.Text(*text);
    column.Null();
  }
  void AddTruth(const std::optional<std::string>& value) {
    double number = 0;
    if (!value) return truth_.Null();
    if (ParseDouble(*value, number)) return truth_.Number(number);
    truth_.Text(*value);
  }

  size_t rows_ = 0;
  const Layout* layout_ = nullptr;
  std::vector<size_t> map_, output_map_;  // of the layout's into inputs_, outputs_
  Columns inputs_, outputs_;
  MixedColumn prediction_, truth_;
  sql::Column sequences_ = FixedColumn("__seq", sql::Type::kInt, "BIGINT");
  sql::Column ids_ = FixedColumn("inference_id", sql::Type::kText, "VARCHAR");
  sql::Column times_ = FixedColumn("event_time", sql::Type::kTimestamp, "TIMESTAMP");
  sql::Column versions_ = FixedColumn("model_version", sql::Type::kText, "VARCHAR");
};

void RowStore::Block::Clear() {
  first_time = INT64_MAX;
  last_time = INT64_MIN;
  sequences.clear();
  times.clear();
  hashes.clear();
  id_bytes.clear();
  id_ends.clear();
  versions.clear();
  numbers.clear();
  texts.clear();
  predictions.clear();
  truths.clear();
  bytes = 0;
}

RowStore::Block& RowStore::BlockFor(const Layout& layout) {
  if (!blocks_.empty() && blocks_.back()->rows() < kBlockRows &&
      blocks_.back()->bytes < kBlockBytes && blocks_.back()->layout == layout) {
    return *blocks_.back();
  }
  while (!blocks_.empty() && (rows_ + kBlockRows > rows_max_ || bytes_ > bytes_max_)) EvictOldest();
  auto block = spare_ ? std::move(spare_) : std::make_unique<Block>();
  block->layout = layout;
  block->numbers.reserve(kBlockRows * layout.columns.size());
  block->predictions.reserve(kBlockRows * (1 + layout.outputs.size()));
  block->truths.reserve(kBlockRows);
  blocks_.push_back(std::move(block));
  return *blocks_.back();
}

void RowStore::EvictOldest() {
  Block& block = *blocks_.front();
  for (size_t row = 0; row < block.rows(); ++row) {
    index_.Erase(block.hashes[row], first_block_ * kBlockRows + row);
  }
  rows_ -= block.rows();
  bytes_ -= block.bytes;
  evicted_until_ = std::max(evicted_until_, block.last_time);
  block.Clear();
  spare_ = std::move(blocks_.front());
  blocks_.pop_front();
  ++first_block_;
}

uint64_t RowStore::Find(std::string_view id, uint32_t hash) const {
  return index_.Find(hash,
                     [&](uint64_t place) { return BlockAt(place).id(place % kBlockRows) == id; });
}

uint32_t RowStore::VersionIndex(std::string_view version) {
  for (size_t i = versions_.size(); i-- > 0;) {
    if (versions_[i] == version) return static_cast<uint32_t>(i);
  }
  versions_.emplace_back(version);
  return static_cast<uint32_t>(versions_.size() - 1);
}

bool RowStore::Add(const Layout& layout, const RowView& row) {
  const uint32_t hash = IdIndex::HashOf(row.id);
  if (Find(row.id, hash) != IdIndex::kNone) return false;
  Block& block = BlockFor(layout);
  block.first_time = std::min(block.first_time, row.time);
  block.last_time = std::max(block.last_time, row.time);
  block.sequences.push_back(row.sequence);
  block.times.push_back(row.time);
  block.hashes.push_back(hash);
  block.id_bytes += row.id;
  block.id_ends.push_back(static_cast<uint32_t>(block.id_bytes.size()));
  block.versions.push_back(VersionIndex(row.version));
  block.numbers.insert(block.numbers.end(), row.numbers.begin(), row.numbers.end());
  block.texts.insert(block.texts.end(), row.texts.begin(), row.texts.end());
  block.predictions.insert(block.predictions.end(), row.predictions.begin(), row.predictions.end());
  block.truths.emplace_back();
  index_.Insert(hash, (first_block_ + blocks_.size() - 1) * kBlockRows + block.rows() - 1);
  const size_t bytes = BytesOf(row);
  block.bytes += bytes;
  bytes_ += bytes;
  ++rows_;
  return true;
}

RowStore::TruthResult RowStore::AddTruth(std::string_view id, std::string_view value) {
  const uint64_t place = Find(id);
  if (place == IdIndex::kNone) return TruthResult::kUnknown;
  auto& truth = BlockAt(place).truths[place % kBlockRows];
  if (truth) return TruthResult::kRepeated;
  truth = std::string(value);
  return TruthResult::kTaken;
}

sql::Table RowStore::Window(int64_t from, int64_t to, bool sequences) const {
  TableBuilder builder;
  for (const auto& block : blocks_) {
    if (block->last_time < from || block->first_time >= to) continue;
    for (size_t row = 0; row < block->rows(); ++row) {
      if (block->times[row] >= from && block->times[row] < to) builder.Add(*this, *block, row);
    }
  }
  return builder.Take(sequences);
}

}  // namespace tatara::serving
