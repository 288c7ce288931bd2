// All SQL of jobs. Private to the module.
#pragma once

#include "jobs/jobs.h"

namespace tatara::jobs {

Result<JobId> InsertJob(db::Tx& tx, const JobSpec& spec, Time now);

struct JobMove {
  JobId job;
  std::string name;
  State from, to;
  std::string reason;
  std::optional<int64_t> exit_code;
  EventId cause;
};
// Compare-and-set of the state, with its event.
Status MoveJob(db::Tx& tx, const JobMove& move, Time now);

Status OpenAttempt(db::Tx& tx, const AttemptKey& key, const std::string& boot, Time now);
Status MarkAttemptRunning(db::Tx& tx, const AttemptKey& key);
Status CloseAttempt(db::Tx& tx, const Observation& end, State state, const std::string& reason,
                    Time now);
Result<AttemptSpec> LoadAttemptSpec(db::Reader& reader, const AttemptKey& key);

}  // namespace tatara::jobs
