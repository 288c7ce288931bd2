// From an inference id to the row that bears it: an open-addressing table of hashes and places,
// which costs neither an allocation nor a copy of the id for each row.
//
// The ids themselves stay with the rows: `Same` compares one with a row's. Pure; the owner's lock
// guards it.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

namespace tatara::serving {

class IdIndex {
 public:
  static constexpr uint64_t kNone = UINT64_MAX;

  static uint64_t HashOf(std::string_view id) { return std::hash<std::string_view>()(id) | 1; }

  // The place for which same(place) holds, among those of this hash.
  template <class Same>
  uint64_t Find(uint64_t hash, Same same) const {
    if (slots_.empty()) return kNone;
    for (size_t i = hash & mask_; slots_[i].hash != 0; i = (i + 1) & mask_) {
      if (slots_[i].hash == hash && same(slots_[i].place)) return slots_[i].place;
    }
    return kNone;
  }
  void Insert(uint64_t hash, uint64_t place) {
    if ((count_ + 1) * 2 > slots_.size()) Grow();
    Put(hash, place);
    ++count_;
  }
  // The entry must be there.
  void Erase(uint64_t hash, uint64_t place) {
    size_t hole = hash & mask_;
    while (slots_[hole].hash != hash || slots_[hole].place != place) hole = (hole + 1) & mask_;
    // Entries behind it move up where that brings them nearer to where they belong.
    for (size_t i = (hole + 1) & mask_; slots_[i].hash != 0; i = (i + 1) & mask_) {
      const size_t home = slots_[i].hash & mask_;
      if (((i - home) & mask_) < ((i - hole) & mask_)) continue;
      slots_[hole] = slots_[i];
      hole = i;
    }
    slots_[hole] = {};
    --count_;
  }

 private:
  struct Slot {
    uint64_t hash = 0;  // 0: free
    uint64_t place = 0;
  };
  void Put(uint64_t hash, uint64_t place) {
    size_t i = hash & mask_;
    while (slots_[i].hash != 0) i = (i + 1) & mask_;
    slots_[i] = {hash, place};
  }
  void Grow() {
    std::vector<Slot> old(slots_.empty() ? 1024 : slots_.size() * 2);
    old.swap(slots_);
    mask_ = slots_.size() - 1;
    for (const Slot& slot : old) {
      if (slot.hash != 0) Put(slot.hash, slot.place);
    }
  }

  std::vector<Slot> slots_;  // a power of two, at most half full
  size_t mask_ = 0;
  size_t count_ = 0;
};

}  // namespace tatara::serving
