#include "features/join.h"

#include <algorithm>
#include <numeric>

#include "base/result.h"

namespace tatara::features {
namespace {

constexpr uint32_t kNoSlot = std::numeric_limits<uint32_t>::max();

}  // namespace

PointInTimeJoin::PointInTimeJoin(std::span<const SpineRow> spine, bool filter_created)
    : filter_created_(filter_created), slot_of_row_(spine.size(), kNoSlot) {
  CHECK(spine.size() < kNoSlot);
  std::vector<uint32_t> order;
  int32_t keys = 0;
  for (uint32_t row = 0; row < spine.size(); ++row) {
    if (spine[row].key == kNoKey || spine[row].time == kNoTime) continue;
    order.push_back(row);
    keys = std::max(keys, spine[row].key + 1);
  }
  std::sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) {
    if (spine[a].key != spine[b].key) return spine[a].key < spine[b].key;
    return spine[a].time < spine[b].time;
  });
  key_begin_.assign(static_cast<size_t>(keys) + 1, 0);
  for (size_t i = 0; i < order.size(); ++i) {
    const SpineRow& row = spine[order[i]];
    const bool same =
        i > 0 && spine[order[i - 1]].key == row.key && spine[order[i - 1]].time == row.time;
    if (!same) {
      slots_.push_back({.time = row.time});
      times_.push_back(row.time);
      key_begin_[static_cast<size_t>(row.key) + 1] = static_cast<uint32_t>(slots_.size());
    }
    slot_of_row_[order[i]] = static_cast<uint32_t>(slots_.size() - 1);
  }
  for (size_t key = 1; key < key_begin_.size(); ++key) {
    key_begin_[key] = std::max(key_begin_[key], key_begin_[key - 1]);
  }
}

void PointInTimeJoin::Offer(int32_t key, int64_t time, int64_t created, int64_t row) {
  if (key < 0 || static_cast<size_t>(key) + 1 >= key_begin_.size() || time == kNoTime) return;
  int64_t known = time;
  if (filter_created_) {
    if (created == kNoTime) return;
    known = std::max(known, created);
  }
  const auto begin = times_.begin() + key_begin_[static_cast<size_t>(key)];
  const auto end = times_.begin() + key_begin_[static_cast<size_t>(key) + 1];
  const auto at = std::lower_bound(begin, end, known);
  if (at == end) return;
  const auto index = static_cast<uint32_t>(at - times_.begin());
  Slot& slot = slots_[index];
  if (slot.row != kNoRow) {
    if (time < slot.best_time) return;
    if (time == slot.best_time) {
      if (created < slot.best_created) return;
      if (created == slot.best_created) {
        contenders_.push_back({index, slot.version, row});
        return;
      }
    }
  }
  slot.best_time = time;
  slot.best_created = created;
  slot.row = row;
  ++slot.version;
}

void PointInTimeJoin::Finish() {
  const auto better = [&](const Slot& a, const Slot& b) {
    if (a.best_time != b.best_time) return a.best_time > b.best_time;
    return a.best_created > b.best_created;
  };
  for (size_t key = 0; key + 1 < key_begin_.size(); ++key) {
    for (uint32_t s = key_begin_[key]; s < key_begin_[key + 1]; ++s) {
      Slot& slot = slots_[s];
      slot.owner = s;
      if (s == key_begin_[key]) continue;
      const uint32_t before = slots_[s - 1].owner;
      const bool inherits =
          slots_[before].row != kNoRow && (slot.row == kNoRow || better(slots_[before], slot));
      if (inherits) slot.owner = before;
    }
  }
}

std::vector<PointInTimeJoin::Tie> PointInTimeJoin::Ties() const {
  std::vector<Tie> ties;
  std::vector<bool> tied(slots_.size());
  for (const Contender& contender : contenders_) {
    const Slot& slot = slots_[contender.slot];
    if (slot.owner != contender.slot || slot.version != contender.version) continue;
    if (!tied[contender.slot]) ties.push_back({contender.slot, slot.row});
    tied[contender.slot] = true;
    ties.push_back({contender.slot, contender.row});
  }
  std::sort(ties.begin(), ties.end(), [](const Tie& a, const Tie& b) { return a.row < b.row; });
  return ties;
}

std::vector<int64_t> PointInTimeJoin::Winners(std::optional<__int128> ttl) const {
  std::vector<int64_t> winners(slot_of_row_.size(), kNoRow);
  for (size_t row = 0; row < winners.size(); ++row) {
    if (slot_of_row_[row] == kNoSlot) continue;
    const Slot& here = slots_[slot_of_row_[row]];
    const Slot& owner = slots_[here.owner];
    if (owner.row == kNoRow) continue;
    // The newest is the only candidate: when it is too old, all are.
    const __int128 age = static_cast<__int128>(here.time) - owner.best_time;
    if (!ttl || age <= *ttl) winners[row] = owner.row;
  }
  return winners;
}

}  // namespace tatara::features
