-- Durable jobs and their attempts. States: see src/jobs/state.h.
CREATE TABLE environments (
  id TEXT PRIMARY KEY,          -- SHA-256 of body
  body TEXT NOT NULL            -- JSON object; never shown
);
CREATE TABLE jobs (
  id TEXT PRIMARY KEY,
  sequence BIGINT NOT NULL UNIQUE,   -- order of submission
  name TEXT NOT NULL,
  queue TEXT NOT NULL,
  state TEXT NOT NULL,
  priority BIGINT NOT NULL,
  argv TEXT NOT NULL,                -- JSON array
  folder TEXT NOT NULL,
  environment TEXT NOT NULL REFERENCES environments (id),
  cpus DOUBLE PRECISION NOT NULL,
  memory BIGINT NOT NULL,            -- bytes, 0: no limit
  timeout BIGINT NOT NULL,           -- microseconds, 0: none
  retries BIGINT NOT NULL,
  owner TEXT NOT NULL,               -- '' a person, else the pipeline run
  cancel_requested BIGINT NOT NULL,
  exit_code BIGINT,
  reason TEXT NOT NULL,
  cause TEXT NOT NULL,
  submitted BIGINT NOT NULL,
  ended BIGINT
);
CREATE INDEX jobs_unfinished ON jobs (sequence)
  WHERE state NOT IN ('SUCCEEDED', 'FAILED', 'CANCELLED', 'LOST');
CREATE INDEX jobs_to_cancel ON jobs (id)
  WHERE cancel_requested = 1 AND state NOT IN ('SUCCEEDED', 'FAILED', 'CANCELLED', 'LOST');
CREATE INDEX jobs_by_owner ON jobs (owner) WHERE owner <> '';
CREATE TABLE job_needs (
  job TEXT NOT NULL REFERENCES jobs (id),
  needs TEXT NOT NULL REFERENCES jobs (id),
  PRIMARY KEY (job, needs)
);
CREATE TABLE attempts (
  job TEXT NOT NULL REFERENCES jobs (id),
  number BIGINT NOT NULL,
  state TEXT NOT NULL,
  boot TEXT NOT NULL,                -- the machine's boot in which it was started
  started BIGINT NOT NULL,
  ended BIGINT,
  exit_code BIGINT,
  reason TEXT NOT NULL,
  peak_memory BIGINT,
  cpu_seconds DOUBLE PRECISION,
  PRIMARY KEY (job, number)
);
