// The generator behind resampling: xoshiro256** (Blackman and Vigna, 2018), seeded by SplitMix64.
// The same seed gives the same draws on every machine. Not for secrets. One thread.
#pragma once

#include <cstdint>

namespace tatara::stats {

class Random {
 public:
  explicit Random(uint64_t seed) {
    for (uint64_t& word : state_) word = SplitMix(seed);
  }

  uint64_t Next() {
    const uint64_t result = Rotate(state_[1] * 5, 7) * 9;
    const uint64_t shifted = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= shifted;
    state_[3] = Rotate(state_[3], 45);
    return result;
  }

  // Uniform in [0, limit), limit > 0, without bias (Lemire 2019).
  uint32_t Below(uint32_t limit) {
    uint64_t product = (Next() >> 32) * limit;
    if (static_cast<uint32_t>(product) < limit) {
      const uint32_t reject = -limit % limit;
      while (static_cast<uint32_t>(product) < reject) product = (Next() >> 32) * limit;
    }
    return static_cast<uint32_t>(product >> 32);
  }

  // Uniform in [0, 1).
  double Unit() { return static_cast<double>(Next() >> 11) * 0x1.0p-53; }

 private:
  static uint64_t Rotate(uint64_t x, int by) { return (x << by) | (x >> (64 - by)); }
  static uint64_t SplitMix(uint64_t& x) {
    uint64_t z = (x += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }

  uint64_t state_[4];
};

}  // namespace tatara::stats
