// The heart of the point-in-time join: one view against the spine, without any file.
//
// The spine is sorted by key and time into slots, one for each distinct pair. A source row that is
// known from time e on (its t, or with filter_created the later of t and created) is an offer to
// the first slot of its key with time >= e, and by inheritance to all later ones: the best offer
// of a slot is the better of its own and its predecessor's. So the source is streamed once, in any
// order, in memory that only depends on the spine.
//
// Two rows with equal t and created have equal e, so a tie is always within one slot. Ties are kept
// for the caller to settle by the rows' values. One thread.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <vector>

namespace tatara::features {

// No value: before all times.
inline constexpr int64_t kNoTime = std::numeric_limits<int64_t>::min();
inline constexpr int64_t kNoRow = -1;
inline constexpr int32_t kNoKey = -1;

struct SpineRow {
  int32_t key = kNoKey;    // dense, from 0; kNoKey: one of its keys is null
  int64_t time = kNoTime;  // kNoTime: null
};

class PointInTimeJoin {
 public:
  explicit PointInTimeJoin(std::span<const SpineRow> spine, bool filter_created);

  // A source row; `row` is its number. One without key or time never matches.
  void Offer(int32_t key, int64_t time, int64_t created, int64_t row);

  // After the last offer. Settles which slot inherits from which.
  void Finish();

  // A row that may replace its slot's: as good by t and created.
  struct Tie {
    uint32_t slot;
    int64_t row;
  };
  // The ties that matter, with the slots' present rows among them, by ascending row.
  std::vector<Tie> Ties() const;
  void SetRow(uint32_t slot, int64_t row) { slots_[slot].row = row; }

  // The source row of each spine row, kNoRow without one. `ttl` in the unit of the times.
  std::vector<int64_t> Winners(std::optional<__int128> ttl) const;

 private:
  struct Slot {
    int64_t time;
    int64_t best_time = kNoTime;
    int64_t best_created = kNoTime;
    int64_t row = kNoRow;
    uint32_t version = 0;  // counts improvements: a tie with an earlier best is void
    uint32_t owner = 0;    // the slot whose row wins here
  };
  struct Contender {
    uint32_t slot;
    uint32_t version;
    int64_t row;
  };

  bool filter_created_;
  std::vector<uint32_t> slot_of_row_;  // of the spine
  std::vector<uint32_t> key_begin_;    // first slot of each key, and the end
  std::vector<int64_t> times_;         // of the slots, close together for the search
  std::vector<Slot> slots_;
  std::vector<Contender> contenders_;
};

}  // namespace tatara::features
