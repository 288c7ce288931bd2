// Digests and encodings of bytes (OpenSSL inside). Digests are lower-case hexadecimal text.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace tatara {

enum class HashKind { kMd5, kSha256 };

// Feeds bytes in pieces: `Hasher h(HashKind::kMd5); h.Update(a); h.Update(b); h.Finish()`.
// One thread; Finish once.
class Hasher {
 public:
  explicit Hasher(HashKind kind);
  ~Hasher();
  Hasher(Hasher&&) noexcept;
  void Update(std::string_view bytes);
  std::string Finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

std::string Md5(std::string_view bytes);  // DVC's content hash; not for security
std::string Sha256(std::string_view bytes);
std::string HmacSha256(std::string_view key, std::string_view bytes);  // 32 raw bytes

std::string ToHex(std::string_view bytes);
std::string ToBase64(std::string_view bytes);
Result<std::string> FromBase64(std::string_view text);

}  // namespace tatara
