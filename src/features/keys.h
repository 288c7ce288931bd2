// Keys of any types as dense numbers, so that the join compares integers.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "sql/sql.h"

namespace tatara::features {

// Values to numbers 0, 1, 2 ... in order of first insertion. Open addressing.
class IntegerIndex {
 public:
  IntegerIndex() : cells_(16) {}
  int32_t Find(int64_t value) const;  // kNoKey when it is not there
  int32_t Insert(int64_t value);

 private:
  struct Cell {
    int64_t value = 0;
    int32_t number = -1;
  };
  size_t Start(int64_t value) const;
  void Grow();

  std::vector<Cell> cells_;  // a power of two
  int32_t count_ = 0;
};

class TextIndex {
 public:
  int32_t Find(std::string_view value) const;
  int32_t Insert(std::string_view value);

 private:
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };
  std::unordered_map<std::string, int32_t, Hash, std::equal_to<>> numbers_;
};

// Rows of key columns to numbers. The columns of both sides must be of one kind by position:
// integers (any type that Column keeps in `ints`) or texts. No columns: every row has key 0.
class KeyIndex {
 public:
  explicit KeyIndex(size_t columns) : parts_(columns) {}
  // The numbers of the first `columns` columns' rows; kNoKey where one is null.
  void InsertRows(const sql::Table& table, std::vector<int32_t>& numbers);
  // The same, kNoKey also for what was never inserted.
  void FindRows(const sql::Table& table, std::vector<int32_t>& numbers) const;

 private:
  struct Part {
    IntegerIndex integers;
    TextIndex texts;
    IntegerIndex pairs;  // (number of the parts before, of this one)
  };
  template <class Self, class Look>
  static void NumberRows(Self& self, const sql::Table& table, std::vector<int32_t>& numbers,
                         Look look);

  std::vector<Part> parts_;
};

}  // namespace tatara::features
