// The server's log: one line on standard error for what the engineer on call wants to know.
//   Log::Warn("jobs", "attempt 3 of j-17: the runner is gone");
// Thread-safe. Secrets are never logged. Commands keep it at warnings; `up` at info.
#pragma once

#include <string_view>

namespace tatara {

class Log {
 public:
  enum class Level { kDebug, kInfo, kWarn, kError, kOff };
  static void SetLevel(Level level);
  static void Debug(std::string_view module, std::string_view message);
  static void Info(std::string_view module, std::string_view message);
  static void Warn(std::string_view module, std::string_view message);
  static void Error(std::string_view module, std::string_view message);
};

}  // namespace tatara
