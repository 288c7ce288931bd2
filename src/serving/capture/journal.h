// The form of a capture journal: an append-only file of checked blocks.
//
//   file   = block...
//   block  = "TCJ1", u32 length, u64 checksum of the payload, payload of that length
//   record = 1 layout: u32 number, u32 columns, { u8 is_text, text name }...
//            4 layout: the same, then u32 outputs, text name...
//            2 row: u32 layout, i64 sequence, i64 time, text id, text version, f64 per column,
//                   text per text column, prediction, then one of each output
//            3 truth: i64 sequence, i64 time, text id, text value
//   text   = u32 length, bytes; prediction = u8 0 | u8 1, f64 | u8 2, text
// Little-endian. A layout stands before its first row in each file. Sequences grow over all
// journals of an endpoint: they decide which row, or truth, of an id was the first.
// Pure; one thread at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "serving/version.h"

namespace tatara::serving {

// A number, or a text (of more than one value JSON), or nothing.
using Prediction = std::variant<std::monostate, double, std::string>;

// A row, borrowing its parts.
struct RowView {
  int64_t sequence = 0;
  int64_t time = 0;  // microseconds since 1970
  std::string_view id;
  std::string_view version;
  std::span<const double> numbers;          // one for each column of the layout
  std::span<const std::string> texts;       // one for each text column
  std::span<const Prediction> predictions;  // the prediction, then one for each output
};

struct TruthView {
  int64_t sequence = 0;
  int64_t time = 0;
  std::string_view id;
  std::string_view value;
};

class JournalWriter {
 public:
  void Row(const Layout& layout, const RowView& row);
  void Truth(const TruthView& truth);
  bool empty() const { return block_.empty(); }
  // What was recorded since the last call, as one block.
  std::string TakeBlock();
  // A block that is written: its memory serves the next one, unless it is large.
  void Reuse(std::string block);
  // The next record goes to another file.
  void StartFile() { layouts_.clear(); }

 private:
  std::string& Begin();
  uint32_t NumberOf(const Layout& layout);

  std::string block_;            // room for the header, then records
  std::string spare_;            // memory of a block before
  std::vector<Layout> layouts_;  // those that stand in this file
};

struct JournalVisitor {
  std::function<void(const Layout&, const RowView&)> row;
  std::function<void(const TruthView&)> truth;
};
// Calls the visitor for each record of the sound blocks from the beginning on; returns how many
// bytes those are (what follows is a torn tail).
size_t ReadJournal(std::string_view bytes, const JournalVisitor& visitor);

}  // namespace tatara::serving
