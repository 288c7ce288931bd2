#include <algorithm>
#include <cctype>

#include "base/strings.h"
#include "registry/rows.h"

namespace tatara::registry {
namespace {

std::string Shown(int64_t version) {
  return version == 0 ? "no version" : "version " + std::to_string(version);
}

}  // namespace

Status CheckAliasName(std::string_view alias) {
  if (alias.empty()) return Invalid("Registered model alias name cannot be empty.");
  const bool good = std::ranges::all_of(alias, [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '-' ||
           static_cast<unsigned char>(c) >= 0x80;
  });
  if (!good) {
    return Invalid("Invalid alias name: '" + std::string(alias) +
                   "'. Names may only contain alphanumerics, underscores (_), and dashes (-).");
  }
  TRY(tracking::CheckLength("Registered model alias name", 255, alias));
  if (EqualsIgnoreCase(alias, "latest")) {
    return Invalid("'latest' alias name (case insensitive) is reserved.");
  }
  const bool like_version = alias.size() > 1 && (alias[0] == 'v' || alias[0] == 'V') &&
                            std::ranges::all_of(alias.substr(1), [](char c) {
                              return std::isdigit(static_cast<unsigned char>(c));
                            });
  if (like_version) return Invalid("Version alias name '" + std::string(alias) + "' is reserved.");
  return {};
}

Result<std::optional<Alias>> FindAlias(db::Reader& reader, std::string_view model,
                                       std::string_view alias) {
  return reader.One(
      "SELECT name, alias, version, event_id FROM registered_model_aliases "
      "WHERE name = ? AND alias = ?",
      {model, alias}, [](const db::Row& row) {
        return Alias{row.Text(0), row.Text(1), row.Int(2), EventId(row.Text(3))};
      });
}

Result<Alias> SetAlias(db::Tx& tx, const AliasMove& move, Time now) {
  TRY(CheckAliasName(move.alias));
  TRY(GetVersion(tx, move.model, move.version));
  const auto before = TRY(FindAlias(tx, move.model, move.alias));
  const int64_t previous = before ? before->version : 0;
  if (move.expected && *move.expected != previous) {
    return Conflict("Alias '" + move.alias + "' of model '" + move.model + "' points at " +
                    Shown(previous) + ", not at " + Shown(*move.expected) +
                    " as expected: somebody moved it");
  }
  if (before && previous == move.version) return *before;
  const EventId event =
      TRY(AppendChange(tx, now,
                       {.type = "alias_set",
                        .model = move.model,
                        .version = move.version,
                        .cause = move.cause,
                        .detail = {{"alias", move.alias},
                                   {"previous", previous == 0 ? "" : std::to_string(previous)}}}));
  TRY(
      tx.Exec("INSERT INTO registered_model_aliases (name, alias, version, event_id) "
              "VALUES (?, ?, ?, ?) ON CONFLICT (name, alias) DO UPDATE SET "
              "version = excluded.version, event_id = excluded.event_id",
              {move.model, move.alias, move.version, event}));
  return Alias{move.model, move.alias, move.version, event};
}

Status DeleteAlias(db::Tx& tx, std::string_view model, std::string_view alias, Time now) {
  TRY(CheckModelExists(tx, model));
  const auto before = TRY(FindAlias(tx, model, alias));
  if (!before) return {};
  TRY(tx.Exec("DELETE FROM registered_model_aliases WHERE name = ? AND alias = ?", {model, alias}));
  TRY(AppendChange(tx, now,
                   {.type = "alias_deleted",
                    .model = std::string(model),
                    .version = before->version,
                    .detail = {{"alias", std::string(alias)}}}));
  return {};
}

Result<Version> GetVersionByAlias(db::Reader& reader, std::string_view model,
                                  std::string_view alias) {
  TRY(CheckModelName(model));
  const auto found = TRY(FindAlias(reader, model, alias));
  if (!found) return Invalid("Registered model alias " + std::string(alias) + " not found.");
  return GetVersion(reader, model, found->version);
}

}  // namespace tatara::registry
