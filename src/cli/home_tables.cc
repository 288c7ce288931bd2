#include "cli/home_tables.h"

#include <algorithm>
#include <cctype>

#include "base/strings.h"
#include "cli/session.h"
#include "os/files.h"
#include "serving/serving.h"

namespace tatara::cli {
namespace {

bool Mentions(const std::string& query, std::string_view word) {
  const std::string lower = Lower(query);
  const auto is_word = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) || c == '_';
  };
  for (size_t at = lower.find(word); at != std::string::npos; at = lower.find(word, at + 1)) {
    const bool before = at > 0 && is_word(lower[at - 1]);
    const size_t end = at + word.size();
    if (!before && (end >= lower.size() || !is_word(lower[end]))) return true;
  }
  return false;
}

sql::Column TextColumn(std::string name) {
  sql::Column column;
  column.name = std::move(name);
  column.type = sql::Type::kText;
  return column;
}

void PutText(sql::Column& column, const Json* value) {
  const bool present = value != nullptr && !value->IsNull();
  column.valid.push_back(present ? 1 : 0);
  column.texts.push_back(!present ? "" : value->IsString() ? value->AsString() : value->Dump());
}

void PutTime(sql::Column& column, const Json* value) {
  auto time = value != nullptr && value->IsString() ? ParseTime(value->AsString())
                                                    : Result<Time>(Invalid("none"));
  column.valid.push_back(time ? 1 : 0);
  column.ints.push_back(time ? ToMicros(*time) : 0);
}

sql::Column TimeColumn(std::string name) {
  sql::Column column;
  column.name = std::move(name);
  column.type = sql::Type::kTimestamp;
  return column;
}

sql::Table RunsTable(const Json& runs) {
  sql::Table table;
  for (const char* name : {"run_id", "experiment", "name", "status", "params", "tags"}) {
    table.columns.push_back(TextColumn(name));
  }
  table.columns.push_back(TimeColumn("start"));
  table.columns.push_back(TimeColumn("end"));
  for (const Json& run : runs.AsArray()) {
    for (size_t i = 0; i < 6; ++i) PutText(table.columns[i], run.Find(table.columns[i].name));
    PutTime(table.columns[6], run.Find("start"));
    PutTime(table.columns[7], run.Find("end"));
  }
  return table;
}

sql::Table MetricsTable(const Json& runs) {
  sql::Table table;
  table.columns = {TextColumn("run_id"), TextColumn("key"), {}};
  sql::Column& value = table.columns[2];
  value.name = "value";
  value.type = sql::Type::kDouble;
  for (const Json& run : runs.AsArray()) {
    for (const auto& [name, number] : run.Find("metrics")->AsObject()) {
      PutText(table.columns[0], run.Find("run_id"));
      const Json key(name);
      PutText(table.columns[1], &key);
      value.valid.push_back(number.IsNumber() ? 1 : 0);
      value.doubles.push_back(number.IsNumber() ? number.AsDouble() : 0);
    }
  }
  return table;
}

sql::Table EventsTable(const Json& events) {
  sql::Table table;
  for (const char* name : {"id", "source", "type", "subject", "detail", "cause"}) {
    table.columns.push_back(TextColumn(name));
  }
  table.columns.push_back(TimeColumn("time"));
  for (const Json& event : events.AsArray()) {
    for (size_t i = 0; i < 6; ++i) PutText(table.columns[i], event.Find(table.columns[i].name));
    PutTime(table.columns[6], event.Find("time"));
  }
  return table;
}

}  // namespace

Status AddHomeTables(const Globals& globals, sql::SqlCommand& command) {
  const std::string home = HomeOf(globals);
  if (globals.server.empty() && !os::Exists(home + "/tatara.db")) return {};
  command.other_names = {"runs", "metrics", "events", "capture_ENDPOINT"};
  const auto wants = [&](std::string_view name) {
    return Mentions(command.query, name) &&
           std::ranges::find(command.sources, name, &sql::NamedPath::name) ==
               command.sources.end();  // the project's own goes before
  };
  const bool runs = wants("runs"), metrics = wants("metrics"), events = wants("events"),
             capture = Lower(command.query).find("capture_") != std::string::npos;
  if (!runs && !metrics && !events && !capture) return {};
  auto session = TRY(Session::Open(globals, Access::kRead));
  if (runs || metrics) {
    const Json list = TRY(session->Get("/api/v1/runs"));
    if (runs) command.tables.push_back({"runs", RunsTable(*list.Find("runs"))});
    if (metrics) command.tables.push_back({"metrics", MetricsTable(*list.Find("runs"))});
  }
  if (events) {
    const Json list = TRY(session->Get("/api/v1/events"));
    command.tables.push_back({"events", EventsTable(*list.Find("events"))});
  }
  if (!capture) return {};
  // A running server first writes what it still holds; a home without one is read as it is.
  if (!session->url().empty()) {
    TRY(session->Post("/api/v1/capture/flush", Json::MakeObject()));
  }
  return serving::AddCaptureViews(home, command);
}

}  // namespace tatara::cli
