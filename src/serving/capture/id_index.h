// From an inference id to the row that bears it: an open-addressing table of hashes and places,
// which costs neither an allocation nor a copy of the id for each row.
//
// The ids themselves stay with the rows: `Same` compares one with a row's. Hashes and places lie
// apart, so that a search among many rows, which mostly finds nothing, reads little memory.
// Pure; the owner's lock guards it.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>
#include <utility>
#include <vector>

namespace tatara::serving {

class IdIndex {
 public:
  static constexpr uint64_t kNone = UINT64_MAX;

  static uint32_t HashOf(std::string_view id) {
    return static_cast<uint32_t>(std::hash<std::string_view>()(id)) | kUsed;
  }

  // The place for which same(place) holds, among those of this hash.
  template <class Same>
  uint64_t Find(uint32_t hash, Same same) const {
    if (hashes_.empty()) return kNone;
    for (size_t i = HomeOf(hash); hashes_[i] != 0; i = (i + 1) & mask_) {
      if (hashes_[i] == hash && same(places_[i])) return places_[i];
    }
    return kNone;
  }
  void Insert(uint32_t hash, uint64_t place) {
    if ((count_ + 1) * 2 > hashes_.size()) Grow();
    Put(hash, place);
    ++count_;
  }
  // The entry must be there.
  void Erase(uint32_t hash, uint64_t place) {
    size_t hole = HomeOf(hash);
    while (hashes_[hole] != hash || places_[hole] != place) hole = (hole + 1) & mask_;
    // Entries behind it move up where that brings them nearer to where they belong.
    for (size_t i = (hole + 1) & mask_; hashes_[i] != 0; i = (i + 1) & mask_) {
      const size_t home = HomeOf(hashes_[i]);
      if (((i - home) & mask_) < ((i - hole) & mask_)) continue;
      hashes_[hole] = hashes_[i];
      places_[hole] = places_[i];
      hole = i;
    }
    hashes_[hole] = 0;
    --count_;
  }

 private:
  static constexpr uint32_t kUsed = 1;  // in each hash: 0 is a free slot

  size_t HomeOf(uint32_t hash) const { return (hash >> 1) & mask_; }
  void Put(uint32_t hash, uint64_t place) {
    size_t i = HomeOf(hash);
    while (hashes_[i] != 0) i = (i + 1) & mask_;
    hashes_[i] = hash;
    places_[i] = place;
  }
  void Grow() {
    const size_t slots = hashes_.empty() ? 1024 : hashes_.size() * 2;
    const std::vector<uint32_t> hashes = std::exchange(hashes_, std::vector<uint32_t>(slots));
    const std::vector<uint64_t> places = std::exchange(places_, std::vector<uint64_t>(slots));
    mask_ = slots - 1;
    for (size_t i = 0; i < hashes.size(); ++i) {
      if (hashes[i] != 0) Put(hashes[i], places[i]);
    }
  }

  std::vector<uint32_t> hashes_;  // a power of two, at most half of them used
  std::vector<uint64_t> places_;  // of the hash in the same slot
  size_t mask_ = 0;
  size_t count_ = 0;
};

}  // namespace tatara::serving
