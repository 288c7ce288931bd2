#include "app/home.h"

#include "base/hash.h"
#include "base/json.h"

namespace tatara::app {
namespace {

// The nearest folder from `folder` upwards that holds `name`.
std::optional<std::string> NearestWith(std::string folder, std::string_view name) {
  for (;;) {
    if (os::Exists(os::JoinPath(folder, name))) return folder;
    if (folder == "/") return std::nullopt;
    folder = os::ParentOf(folder);
  }
}

}  // namespace

std::string FindHome(const std::string& folder) {
  const std::string start = os::AbsolutePath(folder);
  for (const std::string_view marker : {".tatara", ".dvc", ".git"}) {
    if (auto root = NearestWith(start, marker)) return os::JoinPath(*root, ".tatara");
  }
  return os::JoinPath(start, ".tatara");
}

Status PrepareHome(const std::string& home) {
  TRY(os::MakeFolders(home));
  const std::string ignore = os::JoinPath(home, ".gitignore");
  if (!os::Exists(ignore)) TRY(os::WriteFile(ignore, "*\n"));
  return {};
}

Status WriteServerRecord(const std::string& home, const ServerRecord& record) {
  return os::WriteFile(
      os::JoinPath(home, "server.json"),
      Json::Of({{"url", record.url}, {"pid", record.pid}, {"command", record.command}}).Dump());
}

std::optional<ServerRecord> RunningServer(const std::string& home) {
  if (!os::FileLock::IsHeld(os::JoinPath(home, "lock"))) return std::nullopt;
  auto text = os::ReadFile(os::JoinPath(home, "server.json"), 65536);
  if (!text) return ServerRecord{};  // it holds the lock, but does not serve yet
  auto json = ParseJson(*text);
  if (!json) return ServerRecord{};
  return ServerRecord{json->GetStringOr("url", "").value_or(""),
                      static_cast<int>(json->GetIntOr("pid", 0).value_or(0)),
                      json->GetStringOr("command", "").value_or("")};
}

Result<std::string> GetFact(db::Reader& reader, const std::string& name) {
  auto value = TRY(reader.One("SELECT value FROM home_facts WHERE name = ?", {name},
                              [](const db::Row& row) { return row.Text(0); }));
  return value.value_or("");
}

Status SetFact(db::Tx& tx, const std::string& name, const std::string& value) {
  TRY(
      tx.Exec("INSERT INTO home_facts (name, value) VALUES (?, ?) "
              "ON CONFLICT (name) DO UPDATE SET value = excluded.value",
              {name, value}));
  return {};
}

Result<std::string> HomeIdentity(const std::string& home) {
  const os::FileInfo info = TRY(os::Stat(home));
  return Sha256(os::AbsolutePath(home) + "|" + std::to_string(info.device) + "|" +
                std::to_string(info.inode));
}

}  // namespace tatara::app
