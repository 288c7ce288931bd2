#include "base/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

namespace tatara {
namespace {

spdlog::logger& Logger() {
  static const auto logger = [] {
    auto made = spdlog::stderr_logger_mt("tatara");
    made->set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %l %v");
    made->set_level(spdlog::level::warn);
    return made;
  }();
  return *logger;
}

void Write(spdlog::level::level_enum level, std::string_view module, std::string_view message) {
  Logger().log(level, "{}: {}", module, message);
}

}  // namespace

void Log::SetLevel(Level level) {
  switch (level) {
    case Level::kDebug:
      return Logger().set_level(spdlog::level::debug);
    case Level::kInfo:
      return Logger().set_level(spdlog::level::info);
    case Level::kWarn:
      return Logger().set_level(spdlog::level::warn);
    case Level::kError:
      return Logger().set_level(spdlog::level::err);
    case Level::kOff:
      return Logger().set_level(spdlog::level::off);
  }
}
void Log::Debug(std::string_view module, std::string_view message) {
  Write(spdlog::level::debug, module, message);
}
void Log::Info(std::string_view module, std::string_view message) {
  Write(spdlog::level::info, module, message);
}
void Log::Warn(std::string_view module, std::string_view message) {
  Write(spdlog::level::warn, module, message);
}
void Log::Error(std::string_view module, std::string_view message) {
  Write(spdlog::level::err, module, message);
}

}  // namespace tatara
