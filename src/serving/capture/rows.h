// The newest captured rows, in memory: what monitors ask for, and which ids have been seen.
//
// Rows lie in blocks of at most 1,024 rows of one layout; the oldest block goes when there are more
// than `rows_max`, or when they hold more than `bytes_max` (of texts, mostly). Pure data; the
// owner's lock guards it.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "serving/capture/id_index.h"
#include "serving/capture/journal.h"
#include "sql/column.h"

namespace tatara::serving {

class RowStore {
 public:
  explicit RowStore(size_t rows_max = 131'072, size_t bytes_max = 256 << 20)
      : rows_max_(rows_max), bytes_max_(bytes_max) {}

  bool Has(std::string_view id) const { return Find(id) != IdIndex::kNone; }
  // False: a row of this id is there.
  bool Add(const Layout& layout, const RowView& row);
  enum class TruthResult { kTaken, kRepeated, kUnknown };
  TruthResult AddTruth(std::string_view id, std::string_view value);
  // Rows with from <= time < to, in order of arrival; see Serving::Window. With `sequences` a first
  // column __seq.
  sql::Table Window(int64_t from, int64_t to, bool sequences = false) const;
  size_t rows() const { return rows_; }
  int64_t evicted_until() const { return evicted_until_; }  // INT64_MIN: nothing went

 private:
  // Places count rows from the first that ever was: block * kBlockRows + row.
  static constexpr size_t kBlockRows = 1024;
  static constexpr size_t kBlockBytes = 8 << 20;  // a block of more than that takes no more rows
  struct Block {
    Layout layout;
    int64_t first_time = INT64_MAX, last_time = INT64_MIN;
    std::vector<int64_t> sequences, times;
    std::vector<uint32_t> hashes;  // of the ids
    std::string id_bytes;
    std::vector<uint32_t> id_ends;
    std::vector<uint32_t> versions;       // indices of versions_
    std::vector<double> numbers;          // row-major
    std::vector<std::string> texts;       // row-major
    std::vector<Prediction> predictions;  // row-major: the prediction, then the other outputs
    std::vector<std::optional<std::string>> truths;
    size_t bytes = 0;  // about
    size_t rows() const { return times.size(); }
    void Clear();  // keeps the memory
    std::string_view id(size_t row) const {
      const size_t begin = row == 0 ? 0 : id_ends[row - 1];
      return std::string_view(id_bytes).substr(begin, id_ends[row] - begin);
    }
  };
  class TableBuilder;

  uint64_t Find(std::string_view id) const { return Find(id, IdIndex::HashOf(id)); }
  uint64_t Find(std::string_view id, uint32_t hash) const;
  Block& BlockAt(uint64_t place) const { return *blocks_[place / kBlockRows - first_block_]; }
  Block& BlockFor(const Layout& layout);
  void EvictOldest();
  uint32_t VersionIndex(std::string_view version);

  size_t rows_max_;
  size_t bytes_max_;
  size_t rows_ = 0;
  size_t bytes_ = 0;
  int64_t evicted_until_ = INT64_MIN;
  uint64_t first_block_ = 0;  // the number of blocks_.front()
  std::deque<std::unique_ptr<Block>> blocks_;
  std::unique_ptr<Block> spare_;  // empty: memory for the next block
  IdIndex index_;
  std::vector<std::string> versions_;
};

}  // namespace tatara::serving
