#include "features/keys.h"

#include "features/join.h"

namespace tatara::features {

size_t IntegerIndex::Start(int64_t value) const {
  const uint64_t mixed = static_cast<uint64_t>(value) * 0x9e3779b97f4a7c15;
  return (mixed ^ (mixed >> 32)) & (cells_.size() - 1);
}

int32_t IntegerIndex::Find(int64_t value) const {
  for (size_t at = Start(value);; at = (at + 1) & (cells_.size() - 1)) {
    if (cells_[at].number < 0) return kNoKey;
    if (cells_[at].value == value) return cells_[at].number;
  }
}

int32_t IntegerIndex::Insert(int64_t value) {
  if (static_cast<size_t>(count_) * 2 >= cells_.size()) Grow();
  for (size_t at = Start(value);; at = (at + 1) & (cells_.size() - 1)) {
    if (cells_[at].number >= 0 && cells_[at].value != value) continue;
    if (cells_[at].number < 0) cells_[at] = {value, count_++};
    return cells_[at].number;
  }
}

void IntegerIndex::Grow() {
  std::vector<Cell> old(cells_.size() * 2);
  old.swap(cells_);
  for (const Cell& cell : old) {
    if (cell.number < 0) continue;
    size_t at = Start(cell.value);
    while (cells_[at].number >= 0) at = (at + 1) & (cells_.size() - 1);
    cells_[at] = cell;
  }
}

int32_t TextIndex::Find(std::string_view value) const {
  const auto at = numbers_.find(value);
  return at == numbers_.end() ? kNoKey : at->second;
}

int32_t TextIndex::Insert(std::string_view value) {
  const auto at = numbers_.find(value);
  if (at != numbers_.end()) return at->second;
  return numbers_.emplace(std::string(value), static_cast<int32_t>(numbers_.size())).first->second;
}

// `look(index, value)` finds or inserts in one of the indexes.
template <class Self, class Look>
void KeyIndex::NumberRows(Self& self, const sql::Table& table, std::vector<int32_t>& numbers,
                          Look look) {
  numbers.assign(table.rows(), 0);
  for (size_t p = 0; p < self.parts_.size(); ++p) {
    auto& part = self.parts_[p];
    const sql::Column& column = table.columns[p];
    const bool is_text = column.type == sql::Type::kText;
    for (size_t row = 0; row < numbers.size(); ++row) {
      if (numbers[row] == kNoKey) continue;
      int32_t number = kNoKey;
      if (column.valid[row]) {
        number =
            is_text ? look(part.texts, column.texts[row]) : look(part.integers, column.ints[row]);
      }
      if (p > 0 && number != kNoKey) {
        number = look(part.pairs, (int64_t{numbers[row]} << 32) | number);
      }
      numbers[row] = number;
    }
  }
}

void KeyIndex::InsertRows(const sql::Table& table, std::vector<int32_t>& numbers) {
  NumberRows(*this, table, numbers,
             [](auto& index, const auto& value) { return index.Insert(value); });
}

void KeyIndex::FindRows(const sql::Table& table, std::vector<int32_t>& numbers) const {
  NumberRows(*this, table, numbers,
             [](const auto& index, const auto& value) { return index.Find(value); });
}

}  // namespace tatara::features
