// Randomness from the kernel, and the ids made of it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/time.h"

namespace tatara::os {

std::string RandomBytes(size_t count);
uint64_t RandomU64();
// 32 lower-case hex digits: 48 bits of milliseconds, then randomness, so that ids sort by birth.
// Within one process ids of the same millisecond sort by birth too. Thread-safe.
std::string NewId(Time now);
// A secret for the environment of a job or a webhook: 43 characters of base64url.
std::string NewToken();

}  // namespace tatara::os
