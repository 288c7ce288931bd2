#include "jobs/store.h"

#include "base/hash.h"
#include "events/events.h"
#include "os/files.h"
#include "os/random.h"

namespace tatara::jobs {
namespace {

Result<std::string> StoreEnvironment(db::Tx& tx, const os::Environment& environment) {
  Json body = Json::MakeObject();
  for (const auto& [name, value] : environment) {
    // A variable that is no UTF-8 cannot be kept as JSON; such a one is of no use to a job either.
    body.AsObject().emplace_back(name, value);
  }
  const std::string text = body.Dump();
  const std::string id = Sha256(text);
  TRY(tx.Exec("INSERT INTO environments (id, body) VALUES (?, ?) ON CONFLICT (id) DO NOTHING",
              {id, text}));
  return id;
}

constexpr std::string_view kJobColumns =
    "id, name, queue, owner, folder, argv, state, exit_code, reason, priority, cpus, memory, "
    "retries, timeout, submitted, ended";

Job FromRow(const db::Row& row) {
  Job job;
  job.id = JobId(row.Text(0));
  job.name = row.Text(1);
  job.queue = row.Text(2);
  job.owner = row.Text(3);
  job.folder = row.Text(4);
  job.argv = StringsOf(row.View(5));
  job.state = StateFromName(row.View(6)).value_or(State::kLost);
  job.exit_code = row.IntOrNone(7);
  job.reason = row.Text(8);
  job.priority = row.Int(9);
  job.cpus = row.Double(10);
  job.memory = row.Int(11);
  job.retries = row.Int(12);
  job.timeout = Duration(row.Int(13));
  job.submitted = row.At(14);
  job.ended = row.AtOrNone(15);
  return job;
}

Status AddParts(db::Reader& reader, Job& job) {
  job.after = TRY(reader.All("SELECT needs FROM job_needs WHERE job = ? ORDER BY needs", {job.id},
                             [](const db::Row& row) { return JobId(row.Text(0)); }));
  job.attempts = TRY(reader.All(
      "SELECT number, state, exit_code, started, ended, reason, peak_memory, cpu_seconds "
      "FROM attempts WHERE job = ? ORDER BY number",
      {job.id}, [](const db::Row& row) {
        return Attempt{.number = static_cast<int>(row.Int(0)),
                       .state = StateFromName(row.View(1)).value_or(State::kLost),
                       .exit_code = row.IntOrNone(2),
                       .started = row.At(3),
                       .ended = row.AtOrNone(4),
                       .reason = row.Text(5),
                       .peak_memory = row.IntOrNone(6),
                       .cpu_seconds = row.DoubleOrNone(7)};
      }));
  return {};
}

template <class T>
Json OrNull(const std::optional<T>& value) {
  return value ? Json(*value) : Json();
}

}  // namespace

Result<JobId> InsertJob(db::Tx& tx, const JobSpec& spec, Time now) {
  const JobId id("j-" + os::NewId(now));
  const int64_t sequence = TRY(tx.Count("SELECT MAX(sequence) FROM jobs", {})) + 1;
  const std::string name = spec.name.empty() ? os::NameOf(spec.argv[0]) : spec.name;
  const std::string environment = TRY(StoreEnvironment(tx, spec.environment));
  TRY(tx.Exec(
      "INSERT INTO jobs (id, sequence, name, queue, state, priority, argv, folder, environment, "
      "cpus, memory, timeout, retries, owner, cancel_requested, reason, cause, submitted) "
      "VALUES (?, ?, ?, ?, 'SUBMITTED', ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, '', ?, ?)",
      {id, sequence, name, spec.queue, spec.priority, Json::Strings(spec.argv).Dump(), spec.folder,
       environment, spec.cpus, spec.memory, spec.timeout.count(), spec.retries, spec.owner,
       spec.cause, now}));
  for (const JobId& need : spec.after) {
    const int64_t known = TRY(tx.Count("SELECT COUNT(*) FROM jobs WHERE id = ?", {need}));
    if (known == 0) return NotFound("no job " + need.value + " to wait for");
    TRY(tx.Exec("INSERT INTO job_needs (job, needs) VALUES (?, ?) ON CONFLICT DO NOTHING",
                {id, need}));
  }
  TRY(events::Append(
      tx, {.time = now,
           .source = "tatara.jobs",
           .type = "job_submitted",
           .subject = id.value,
           .detail = Json::Of(
               {{"id", id.value}, {"name", name}, {"queue", spec.queue}, {"state", "SUBMITTED"}}),
           .cause = spec.cause}));
  return id;
}

Status MoveJob(db::Tx& tx, const JobMove& move, Time now) {
  CHECK(MayMove(move.from, move.to));
  const std::optional<Time> ended = IsFinal(move.to) ? std::optional(now) : std::nullopt;
  const int64_t moved = TRY(tx.Exec(
      "UPDATE jobs SET state = ?, reason = ?, exit_code = ?, ended = ? WHERE id = ? AND state = ?",
      {StateName(move.to), move.reason, move.exit_code, ended, move.job, StateName(move.from)}));
  if (moved == 0) {
    return Internal("job " + move.job.value + " is not " + std::string(StateName(move.from)));
  }
  TRY(events::Append(tx, {.time = now,
                          .source = "tatara.jobs",
                          .type = "job_state_changed",
                          .subject = move.job.value,
                          .detail = Json::Of({{"id", move.job.value},
                                              {"name", move.name},
                                              {"state", StateName(move.to)},
                                              {"previous", StateName(move.from)},
                                              {"exit_code", OrNull(move.exit_code)},
                                              {"reason", move.reason}}),
                          .cause = move.cause}));
  return {};
}

Status OpenAttempt(db::Tx& tx, const AttemptKey& key, const std::string& boot, Time now) {
  TRY(
      tx.Exec("INSERT INTO attempts (job, number, state, boot, started, reason) "
              "VALUES (?, ?, 'STARTING', ?, ?, '')",
              {key.job, key.number, boot, now}));
  return {};
}

Status MarkAttemptRunning(db::Tx& tx, const AttemptKey& key) {
  TRY(
      tx.Exec("UPDATE attempts SET state = 'RUNNING' WHERE job = ? AND number = ? AND "
              "state = 'STARTING'",
              {key.job, key.number}));
  return {};
}

Status CloseAttempt(db::Tx& tx, const Observation& end, State state, const std::string& reason,
                    Time now) {
  const bool ended = end.kind == Observation::Kind::kEnded;
  TRY(tx.Exec(
      "UPDATE attempts SET state = ?, ended = ?, exit_code = ?, reason = ?, "
      "peak_memory = ?, cpu_seconds = ? WHERE job = ? AND number = ? AND ended IS NULL",
      {StateName(state), now, ended ? std::optional<int64_t>(end.exit_code) : std::nullopt, reason,
       ended ? std::optional(end.peak_memory) : std::nullopt,
       ended ? std::optional(end.cpu_seconds) : std::nullopt, end.key.job, end.key.number}));
  return {};
}

Result<AttemptSpec> LoadAttemptSpec(db::Reader& reader, const AttemptKey& key) {
  AttemptSpec spec;
  spec.key = key;
  std::string environment;
  auto found =
      TRY(reader.One("SELECT j.argv, j.folder, j.timeout, j.memory, e.body FROM jobs j "
                     "JOIN environments e ON e.id = j.environment WHERE j.id = ?",
                     {key.job}, [&](const db::Row& row) {
                       spec.argv = StringsOf(row.View(0));
                       spec.folder = row.Text(1);
                       spec.timeout = Duration(row.Int(2));
                       spec.memory = row.Int(3);
                       environment = row.Text(4);
                       return true;
                     }));
  if (!found) return NotFound("no job " + key.job.value);
  const Json body = TRY(ParseJson(environment));
  for (const auto& [name, value] : body.AsObject()) {
    if (value.IsString()) spec.environment[name] = value.AsString();
  }
  return spec;
}

Result<Job> Jobs::Get(db::Reader& reader, const JobId& id) {
  auto job = TRY(
      reader.One("SELECT " + std::string(kJobColumns) + " FROM jobs WHERE id = ?", {id}, FromRow));
  if (!job) return NotFound("no job " + id.value);
  TRY(AddParts(reader, *job));
  return *std::move(job);
}

Result<std::vector<Job>> Jobs::List(db::Reader& reader, const JobFilter& filter) {
  std::string sql = "SELECT " + std::string(kJobColumns) + " FROM jobs WHERE 1 = 1";
  std::vector<db::Value> params;
  if (!filter.owner.empty()) {
    sql += " AND owner = ?";
    params.emplace_back(filter.owner);
  }
  if (filter.unfinished) sql += " AND state NOT IN ('SUCCEEDED', 'FAILED', 'CANCELLED', 'LOST')";
  sql += " ORDER BY sequence DESC";
  if (filter.limit > 0) {
    sql += " LIMIT ?";
    params.emplace_back(filter.limit);
  }
  std::vector<Job> jobs;
  TRY(reader.QueryWith(sql, params, [&](const db::Row& row) { jobs.push_back(FromRow(row)); }));
  for (Job& job : jobs) TRY(AddParts(reader, job));
  return jobs;
}

Json ToJson(const Job& job) {
  Json::Array attempts, after;
  for (const Attempt& attempt : job.attempts) {
    attempts.push_back(
        Json::Of({{"number", attempt.number},
                  {"state", StateName(attempt.state)},
                  {"exit_code", OrNull(attempt.exit_code)},
                  {"started", FormatTime(attempt.started)},
                  {"ended", attempt.ended ? Json(FormatTime(*attempt.ended)) : Json()},
                  {"reason", attempt.reason},
                  {"peak_memory", OrNull(attempt.peak_memory)},
                  {"cpu_seconds", OrNull(attempt.cpu_seconds)}}));
  }
  for (const JobId& need : job.after) after.emplace_back(need.value);
  return Json::Of({{"id", job.id.value},
                   {"name", job.name},
                   {"state", StateName(job.state)},
                   {"queue", job.queue},
                   {"exit_code", OrNull(job.exit_code)},
                   {"reason", job.reason},
                   {"attempts", std::move(attempts)},
                   {"command", Json::Strings(job.argv)},
                   {"priority", job.priority},
                   {"cpus", job.cpus},
                   {"memory", job.memory},
                   {"retries", job.retries},
                   {"timeout_seconds", static_cast<double>(job.timeout.count()) / 1e6},
                   {"submitted", FormatTime(job.submitted)},
                   {"ended", job.ended ? Json(FormatTime(*job.ended)) : Json()},
                   {"after", std::move(after)},
                   {"pipeline_run", job.owner}});
}

}  // namespace tatara::jobs
