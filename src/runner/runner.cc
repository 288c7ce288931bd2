#include "runner/runner.h"

#include <cstdio>
#include <string_view>

namespace tatara::runner {
namespace {

void Put(std::string& out, std::string_view field) {
  out += field;
  out += '\0';
}

// Takes NUL-ended fields one by one; sets `ok` to false when there is none left.
struct FieldReader {
  std::string_view rest;
  bool ok = true;

  std::string Text() {
    const size_t end = rest.find('\0');
    if (end == std::string_view::npos) {
      ok = false;
      return {};
    }
    std::string field(rest.substr(0, end));
    rest.remove_prefix(end + 1);
    return field;
  }
  int64_t Number() {
    const std::string text = Text();
    long long value = 0;
    if (std::sscanf(text.c_str(), "%lld", &value) != 1) ok = false;
    return value;
  }
  std::vector<std::string> List() {
    std::vector<std::string> out;
    const int64_t count = Number();
    for (int64_t i = 0; ok && i < count; ++i) out.push_back(Text());
    return out;
  }
};

}  // namespace

std::string EncodeSpec(const Spec& spec) {
  std::string out;
  Put(out, spec.folder);
  Put(out, std::to_string(spec.timeout_ms));
  Put(out, std::to_string(spec.grace_ms));
  Put(out, std::to_string(spec.memory_max));
  for (const auto* list : {&spec.argv, &spec.environment}) {
    Put(out, std::to_string(list->size()));
    for (const std::string& item : *list) Put(out, item);
  }
  return out;
}

bool DecodeSpec(const std::string& text, Spec& spec) {
  FieldReader reader{text};
  spec.folder = reader.Text();
  spec.timeout_ms = reader.Number();
  spec.grace_ms = reader.Number();
  spec.memory_max = reader.Number();
  spec.argv = reader.List();
  spec.environment = reader.List();
  return reader.ok && !spec.argv.empty();
}

std::string EncodeExit(const ExitRecord& record) {
  char buffer[128];
  std::snprintf(buffer, sizeof buffer, "%d %d %lld %lld\n", record.exit_code,
                static_cast<int>(record.reason), static_cast<long long>(record.cpu_us),
                static_cast<long long>(record.peak_memory));
  return buffer;
}

bool DecodeExit(const std::string& text, ExitRecord& record) {
  int reason = 0;
  long long cpu = 0, peak = 0;
  if (std::sscanf(text.c_str(), "%d %d %lld %lld", &record.exit_code, &reason, &cpu, &peak) != 4 ||
      reason < 0 || reason > static_cast<int>(EndReason::kNotStarted)) {
    return false;
  }
  record.reason = static_cast<EndReason>(reason);
  record.cpu_us = cpu;
  record.peak_memory = peak;
  return true;
}

}  // namespace tatara::runner
