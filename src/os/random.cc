#include "os/random.h"

#include <sys/random.h>

#include <cstring>
#include <mutex>

#include "base/hash.h"
#include "base/strings.h"

namespace tatara::os {

std::string RandomBytes(size_t count) {
  std::string out(count, '\0');
  for (size_t filled = 0; filled < count;) {
    const ssize_t got = ::getrandom(out.data() + filled, count - filled, 0);
    CHECK(got > 0);
    filled += static_cast<size_t>(got);
  }
  return out;
}

uint64_t RandomU64() {
  uint64_t value;
  std::memcpy(&value, RandomBytes(sizeof value).data(), sizeof value);
  return value;
}

std::string NewId(Time now) {
  static std::mutex mutex;
  static uint64_t last_millis = 0;
  static uint16_t sequence = 0;
  const auto millis = static_cast<uint64_t>(ToMillis(now)) & 0xffffffffffff;
  uint16_t order;
  {
    std::lock_guard lock(mutex);
    // Within a millisecond a counter of 16 bits, started low, keeps the order of birth.
    sequence = millis == last_millis ? static_cast<uint16_t>(sequence + 1)
                                     : static_cast<uint16_t>(RandomU64() & 0xff);
    last_millis = millis;
    order = sequence;
  }
  std::string bytes;
  for (int shift = 40; shift >= 0; shift -= 8) bytes += static_cast<char>(millis >> shift);
  bytes += static_cast<char>(order >> 8);
  bytes += static_cast<char>(order);
  return ToHex(bytes + RandomBytes(8));
}

std::string NewToken() {
  std::string token = ToBase64(RandomBytes(32));
  token = ReplaceAll(ReplaceAll(token, "+", "-"), "/", "_");
  while (token.ends_with('=')) token.pop_back();
  return token;
}

}  // namespace tatara::os
