-- Pipeline runs and their stages. States: see src/pipelines/plan.h and pipelines.h.
CREATE TABLE pipeline_runs (
  id TEXT PRIMARY KEY,
  sequence BIGINT NOT NULL UNIQUE,   -- order of starts
  name TEXT NOT NULL,                -- the pipeline in tatara.yaml, or ''
  folder TEXT NOT NULL,
  root TEXT NOT NULL,                -- of the DVC project; '' for a run in a workspace
  work_folder TEXT NOT NULL,
  state TEXT NOT NULL,
  reason TEXT NOT NULL,
  request TEXT NOT NULL,             -- JSON: targets, options, parameters, resources
  environment TEXT NOT NULL,         -- JSON; never shown
  fingerprint TEXT NOT NULL,         -- of the graph and its parameters; '' when not yet known
  start_key TEXT NOT NULL,
  platform BIGINT NOT NULL,
  release_spec TEXT NOT NULL,        -- JSON, null: nothing follows
  release_result TEXT NOT NULL,
  cause TEXT NOT NULL,
  event TEXT NOT NULL,               -- its run_started event
  cancel_requested BIGINT NOT NULL,
  started BIGINT NOT NULL,
  ended BIGINT
);
CREATE UNIQUE INDEX pipeline_runs_by_key ON pipeline_runs (start_key) WHERE start_key <> '';
CREATE INDEX pipeline_runs_open ON pipeline_runs (sequence)
  WHERE state IN ('RUNNING', 'RELEASING');
CREATE TABLE pipeline_stages (
  run TEXT NOT NULL REFERENCES pipeline_runs (id),
  position BIGINT NOT NULL,
  name TEXT NOT NULL,
  state TEXT NOT NULL,
  why TEXT NOT NULL,
  job TEXT NOT NULL,                 -- '' when it needed none
  seconds DOUBLE PRECISION NOT NULL,
  PRIMARY KEY (run, position)
);
-- Digests of large files that were read before, so that they are not read again.
CREATE TABLE file_digests (
  device BIGINT NOT NULL,
  inode BIGINT NOT NULL,
  size BIGINT NOT NULL,
  modified BIGINT NOT NULL,          -- nanoseconds
  md5 TEXT NOT NULL,
  PRIMARY KEY (device, inode)
);
