#include "serving/store.h"

#include "base/json.h"
#include "events/events.h"

namespace tatara::serving {
namespace {

constexpr std::string_view kSource = "tatara.deploy";
constexpr std::string_view kEndpointColumns =
    "SELECT name, project, model, alias, wanted_version, sample, keep_versions, handled, event "
    "FROM endpoints";

EndpointRow EndpointOf(const db::Row& row) {
  EndpointRow out;
  out.name = row.Text(0);
  out.project = row.Text(1);
  out.model = row.Text(2);
  out.alias = row.Text(3);
  out.wanted_version = row.Int(4);
  out.sample = row.Double(5);
  out.keep_versions = row.Int(6);
  out.handled = row.Text(7);
  out.event = EventId(row.Text(8));
  return out;
}

DeploymentRow DeploymentOf(const db::Row& row) {
  DeploymentRow out;
  out.endpoint = row.Text(0);
  out.version = row.Int(1);
  out.number = row.Int(2);
  out.uri = row.Text(3);
  out.path = row.Text(4);
  out.signature = StringsOf(row.View(5));
  out.state = row.Text(6);
  out.reason = row.Text(7);
  return out;
}

// `version` is the number that clients address, `model_version` the thing that `why` takes.
Json DetailOf(const NewDeployment& deployment, int64_t version) {
  const std::string number = std::to_string(version);
  return Json::Of({{"endpoint", deployment.endpoint},
                   {"model", deployment.model},
                   {"version", number},
                   {"model_version", deployment.model.empty()
                                         ? Json(nullptr)
                                         : Json("models:/" + deployment.model + "/" + number)},
                   {"uri", deployment.uri}});
}

Result<EventId> Tell(db::Tx& tx, std::string type, const std::string& endpoint, Json detail,
                     const EventId& cause, Time now) {
  const auto event = TRY(events::Append(tx, {.time = now,
                                             .source = std::string(kSource),
                                             .type = std::move(type),
                                             .subject = endpoint,
                                             .detail = std::move(detail),
                                             .cause = cause}));
  return event.id;
}

Status PutDeployment(db::Tx& tx, const NewDeployment& deployment, int64_t version,
                     const std::string& state, const std::string& reason, const EventId& event,
                     Time now) {
  const int64_t number = 1 + TRY(tx.Count("SELECT MAX(number) FROM deployments WHERE endpoint = ?",
                                          {deployment.endpoint}));
  TRY(tx.Exec(
      "INSERT INTO deployments (endpoint, version, number, uri, path, signature, state, reason, "
      "deployed, event) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
      "ON CONFLICT (endpoint, version) DO UPDATE SET number = excluded.number, "
      "uri = excluded.uri, path = excluded.path, signature = excluded.signature, "
      "state = excluded.state, reason = excluded.reason, deployed = excluded.deployed, "
      "event = excluded.event",
      {deployment.endpoint, version, number, deployment.uri, deployment.path,
       Json::Strings(deployment.signature).Dump(), state, reason, now, event}));
  return {};
}

Status RetireOld(db::Tx& tx, const std::string& endpoint, int64_t keep) {
  const auto numbers =
      TRY(tx.All("SELECT number FROM deployments WHERE endpoint = ? AND state = 'READY' "
                 "ORDER BY number DESC",
                 {endpoint}, [](const db::Row& row) { return row.Int(0); }));
  if (numbers.size() <= static_cast<size_t>(keep)) return {};
  TRY(
      tx.Exec("UPDATE deployments SET state = 'RETIRED' WHERE endpoint = ? AND state = 'READY' "
              "AND number < ?",
              {endpoint, numbers[static_cast<size_t>(keep) - 1]}));
  return {};
}

Result<int64_t> NextFileVersion(db::Tx& tx, const std::string& endpoint) {
  return 1 + TRY(tx.Count("SELECT MAX(version) FROM deployments WHERE endpoint = ?", {endpoint}));
}

}  // namespace

Result<std::vector<EndpointRow>> LoadEndpoints(db::Reader& reader) {
  return reader.All(std::string(kEndpointColumns) + " ORDER BY name", {}, EndpointOf);
}

Result<std::optional<EndpointRow>> FindEndpoint(db::Reader& reader, std::string_view name) {
  return reader.One(std::string(kEndpointColumns) + " WHERE name = ?", {name}, EndpointOf);
}

Result<std::vector<DeploymentRow>> LoadDeployments(db::Reader& reader) {
  return reader.All(
      "SELECT endpoint, version, number, uri, path, signature, state, reason FROM deployments "
      "ORDER BY endpoint, number DESC",
      {}, DeploymentOf);
}

Result<Snapshot> LoadSnapshot(db::Reader& reader) {
  Snapshot snapshot;
  snapshot.endpoints = TRY(LoadEndpoints(reader));
  if (snapshot.endpoints.empty()) return snapshot;
  snapshot.deployments = TRY(LoadDeployments(reader));
  TRY(reader.Query(
      "SELECT a.name, a.alias, a.version, a.event_id FROM registered_model_aliases a "
      "JOIN endpoints e ON e.model = a.name AND e.alias = a.alias",
      {}, [&](const db::Row& row) {
        snapshot.aliases[{row.Text(0), row.Text(1)}] = {row.Int(2), EventId(row.Text(3))};
      }));
  return snapshot;
}

Status PutEndpoint(db::Tx& tx, EndpointRow row, bool is_new, Time now) {
  row.event = TRY(Tell(tx, is_new ? "endpoint_created" : "endpoint_changed", row.name,
                       Json::Of({{"endpoint", row.name},
                                 {"project", row.project},
                                 {"model", row.model},
                                 {"alias", row.alias},
                                 {"sample", row.sample},
                                 {"keep_versions", row.keep_versions}}),
                       {}, now));
  TRY(tx.Exec(
      "INSERT INTO endpoints (name, project, model, alias, wanted_version, sample, keep_versions, "
      "handled, created, event) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
      "ON CONFLICT (name) DO UPDATE SET project = excluded.project, alias = excluded.alias, "
      "wanted_version = excluded.wanted_version, sample = excluded.sample, "
      "keep_versions = excluded.keep_versions, handled = excluded.handled, event = excluded.event",
      {row.name, row.project, row.model, row.alias, row.wanted_version, row.sample,
       row.keep_versions, row.handled, now, row.event}));
  return RetireOld(tx, row.name, row.keep_versions);
}

Status RemoveEndpoint(db::Tx& tx, const EndpointRow& row, Time now) {
  TRY(tx.Exec("DELETE FROM deployments WHERE endpoint = ?", {row.name}));
  TRY(tx.Exec("DELETE FROM endpoints WHERE name = ?", {row.name}));
  TRY(Tell(tx, "endpoint_deleted", row.name, Json::Of({{"endpoint", row.name}}), {}, now));
  return {};
}

Result<Recorded> RecordDeployed(db::Tx& tx, const NewDeployment& deployment, Time now) {
  const auto endpoint = TRY(FindEndpoint(tx, deployment.endpoint));
  if (!endpoint) return NotFound("no endpoint '" + deployment.endpoint + "'");
  Recorded recorded;
  recorded.version =
      deployment.version > 0 ? deployment.version : TRY(NextFileVersion(tx, deployment.endpoint));
  recorded.event = TRY(Tell(tx, "deployed", deployment.endpoint,
                            DetailOf(deployment, recorded.version), deployment.cause, now));
  TRY(PutDeployment(tx, deployment, recorded.version, "READY", "", recorded.event, now));
  if (!deployment.mark.empty()) TRY(MarkHandled(tx, deployment.endpoint, deployment.mark));
  TRY(RetireOld(tx, deployment.endpoint, endpoint->keep_versions));
  return recorded;
}

Status RecordFailed(db::Tx& tx, const NewDeployment& deployment, const std::string& reason,
                    Time now) {
  Json detail = DetailOf(deployment, deployment.version);
  if (deployment.version == 0) detail.Set("version", nullptr);
  detail.Set("reason", reason);
  const EventId event =
      TRY(Tell(tx, "deploy_failed", deployment.endpoint, std::move(detail), deployment.cause, now));
  if (!deployment.mark.empty()) TRY(MarkHandled(tx, deployment.endpoint, deployment.mark));
  if (deployment.version == 0) return {};
  const int64_t ready = TRY(tx.Count(
      "SELECT COUNT(*) FROM deployments WHERE endpoint = ? AND version = ? AND state = 'READY'",
      {deployment.endpoint, deployment.version}));
  if (ready > 0) return {};
  return PutDeployment(tx, deployment, deployment.version, "FAILED", reason, event, now);
}

Status MarkFailed(db::Tx& tx, const DeploymentRow& row, const std::string& reason, Time now) {
  TRY(Tell(tx, "deploy_failed", row.endpoint,
           Json::Of({{"endpoint", row.endpoint},
                     {"version", std::to_string(row.version)},
                     {"uri", row.uri},
                     {"reason", reason}}),
           {}, now));
  TRY(
      tx.Exec("UPDATE deployments SET state = 'FAILED', reason = ? WHERE endpoint = ? AND "
              "version = ?",
              {reason, row.endpoint, row.version}));
  return {};
}

Status MarkHandled(db::Tx& tx, std::string_view endpoint, std::string_view mark) {
  TRY(tx.Exec("UPDATE endpoints SET handled = ? WHERE name = ?", {mark, endpoint}));
  return {};
}

}  // namespace tatara::serving
