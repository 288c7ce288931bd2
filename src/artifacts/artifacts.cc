#include "artifacts/artifacts.h"

#include <algorithm>

#include "base/strings.h"

namespace tatara::artifacts {
namespace {

// "%252e" hides a dot twice; a name that still changes after so many rounds hides something.
constexpr int kDecodeRoundsMax = 8;

bool HasForbiddenSegment(std::string_view path) {
  const auto segments = Split(path, '/');
  return std::ranges::any_of(segments, [](const auto& s) { return s == ".." || s == "."; });
}

bool HasForbiddenByte(std::string_view path) {
  return std::ranges::any_of(path, [](char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7f || c == '\\' || c == '#';
  });
}

bool IsUnsafe(std::string_view path) {
  return path.starts_with('/') || HasForbiddenSegment(path) || HasForbiddenByte(path) ||
         path.starts_with("file:");
}

}  // namespace

Result<std::string> CleanPath(std::string_view path, bool allow_root) {
  const std::string shown(path.substr(0, 200));
  if (!IsValidUtf8(path)) return Invalid("Invalid path: it is no UTF-8 text");
  std::string decoded(path);
  for (int round = 0; round < kDecodeRoundsMax; ++round) {
    if (IsUnsafe(decoded)) return Invalid("Invalid path: '" + shown + "'");
    std::string next;
    if (!PercentDecode(decoded, false, next) || next == decoded) break;
    decoded = std::move(next);
    if (round == kDecodeRoundsMax - 1) return Invalid("Invalid path: '" + shown + "'");
  }
  std::vector<std::string> kept;
  for (auto& segment : Split(path, '/')) {
    if (segment.size() > 255) return Invalid("Invalid path: a name is longer than 255 bytes");
    if (!segment.empty()) kept.push_back(std::move(segment));
  }
  if (kept.empty() && !allow_root) return Invalid("Invalid path: it is empty");
  std::string clean = Join(kept, "/");
  if (clean.size() > 3000) return Invalid("Invalid path: it is longer than 3000 bytes");
  return clean;
}

Result<std::string> Store::ReadAll(std::string_view path, int64_t size_max) {
  auto reader = TRY(Get(path));
  if (reader->size() > size_max) {
    return Exhausted("artifact '" + std::string(path) + "' has " + std::to_string(reader->size()) +
                     " bytes; at most " + std::to_string(size_max) + " are read at once");
  }
  std::string bytes(static_cast<size_t>(reader->size()), '\0');
  size_t filled = 0;
  while (filled < bytes.size()) {
    const size_t got = TRY(reader->Read(std::span(bytes).subspan(filled)));
    if (got == 0) break;
    filled += got;
  }
  bytes.resize(filled);
  return bytes;
}

Status Store::WriteAll(std::string_view path, std::string_view bytes) {
  auto writer = TRY(Put(path));
  TRY(writer->Write(bytes));
  return writer->Commit();
}

Result<std::string> PathOfUri(std::string_view uri) {
  constexpr std::string_view kScheme = "mlflow-artifacts:";
  if (!uri.starts_with(kScheme)) {
    return Unsupported("artifact location '" + std::string(uri) +
                       "' is not in this server's artifact store (mlflow-artifacts:/...)");
  }
  std::string_view path = uri.substr(kScheme.size());
  if (path.starts_with("//")) {
    const size_t slash = path.find('/', 2);
    path = slash == std::string_view::npos ? std::string_view() : path.substr(slash);
  }
  while (path.starts_with('/')) path.remove_prefix(1);
  return CleanPath(path, true);
}

}  // namespace tatara::artifacts
