-- Experiments, runs and what is logged to them. Times that a protocol gives in milliseconds are
-- kept as they came (columns *_ms). Children of a run carry its number, not its 32-digit id, and
-- its experiment (which never changes), so that each search clause is one range of one index.
CREATE TABLE experiments (
  experiment_id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  artifact_location TEXT NOT NULL,
  lifecycle_stage TEXT NOT NULL,
  creation_ms BIGINT NOT NULL,
  last_update_ms BIGINT NOT NULL
);
-- Always there, as in MLflow.
INSERT INTO experiments VALUES (0, 'Default', 'mlflow-artifacts:/0', 'active', 0, 0);

CREATE TABLE experiment_tags (
  experiment_id INTEGER NOT NULL REFERENCES experiments,
  key TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (experiment_id, key)
);

CREATE TABLE runs (
  run_number INTEGER PRIMARY KEY,
  run_id TEXT NOT NULL UNIQUE,
  experiment_id INTEGER NOT NULL REFERENCES experiments,
  name TEXT NOT NULL,
  user_id TEXT NOT NULL,
  status TEXT NOT NULL,
  start_ms BIGINT,
  end_ms BIGINT,
  lifecycle_stage TEXT NOT NULL,
  deleted_ms BIGINT,
  artifact_uri TEXT NOT NULL,
  caller TEXT NOT NULL,          -- the job attempt that created it, or ''
  request_digest TEXT NOT NULL   -- of the creating request under that attempt, or ''
);
CREATE INDEX runs_by_start ON runs (experiment_id, lifecycle_stage, start_ms, run_id);
CREATE UNIQUE INDEX runs_by_caller ON runs (caller, request_digest) WHERE caller <> '';

CREATE TABLE run_params (
  run_number INTEGER NOT NULL REFERENCES runs,
  key TEXT NOT NULL,
  value TEXT NOT NULL,
  experiment_id INTEGER NOT NULL,
  PRIMARY KEY (run_number, key)
) /* clustered */;
-- The head of the value only: PostgreSQL refuses index entries above 2,700 bytes.
CREATE INDEX run_params_by_value ON run_params (experiment_id, key, substr(value, 1, 120));

CREATE TABLE run_tags (
  run_number INTEGER NOT NULL REFERENCES runs,
  key TEXT NOT NULL,
  value TEXT NOT NULL,
  experiment_id INTEGER NOT NULL,
  PRIMARY KEY (run_number, key)
) /* clustered */;
CREATE INDEX run_tags_by_value ON run_tags (experiment_id, key, substr(value, 1, 120));

-- One row for each metric of a run, with its latest value; the points refer to it by number.
CREATE TABLE metric_series (
  series INTEGER PRIMARY KEY,
  run_number INTEGER NOT NULL REFERENCES runs,
  key TEXT NOT NULL,
  experiment_id INTEGER NOT NULL,
  value DOUBLE PRECISION NOT NULL,  -- 0 for NaN, the largest double for an infinity
  is_nan INTEGER NOT NULL,
  step BIGINT NOT NULL,
  timestamp_ms BIGINT NOT NULL,
  points BIGINT NOT NULL,           -- that were logged to it, repeats among them
  UNIQUE (run_number, key)
);
CREATE INDEX metric_series_by_value ON metric_series (experiment_id, key, value, is_nan, run_number);

-- The n-th point of a series (from 0) is in block n / 8. So the newest points of all series of a
-- run are neighbours: a batch touches few pages, whatever the number of its metrics, and a history
-- is one range for each 8 points. The key is the whole row; a repeat of a point is the same row in
-- the same block, and in another one it is dropped when read.
CREATE TABLE metric_points (
  run_number INTEGER NOT NULL,
  block BIGINT NOT NULL,
  series INTEGER NOT NULL,
  timestamp_ms BIGINT NOT NULL,
  step BIGINT NOT NULL,
  value DOUBLE PRECISION NOT NULL,
  is_nan INTEGER NOT NULL,
  PRIMARY KEY (run_number, block, series, timestamp_ms, step, value, is_nan)
) /* clustered */;

CREATE TABLE datasets (
  dataset_id TEXT PRIMARY KEY,
  experiment_id INTEGER NOT NULL REFERENCES experiments,
  name TEXT NOT NULL,
  digest TEXT NOT NULL,
  source_type TEXT NOT NULL,
  source TEXT NOT NULL,
  schema TEXT,
  profile TEXT,
  UNIQUE (experiment_id, name, digest)
);
CREATE TABLE run_datasets (
  run_number INTEGER NOT NULL REFERENCES runs,
  dataset_id TEXT NOT NULL REFERENCES datasets,
  PRIMARY KEY (run_number, dataset_id)
);
CREATE INDEX run_datasets_by_dataset ON run_datasets (dataset_id);
CREATE TABLE run_dataset_tags (
  run_number INTEGER NOT NULL,
  dataset_id TEXT NOT NULL,
  key TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (run_number, dataset_id, key)
);

CREATE TABLE logged_models (
  model_number INTEGER PRIMARY KEY,
  model_id TEXT NOT NULL UNIQUE,
  experiment_id INTEGER NOT NULL REFERENCES experiments,
  name TEXT NOT NULL,
  artifact_location TEXT NOT NULL,
  status INTEGER NOT NULL,  -- 1 pending, 2 ready, 3 upload failed
  model_type TEXT NOT NULL,
  source_run_id TEXT NOT NULL,
  lifecycle_stage TEXT NOT NULL,
  creation_ms BIGINT NOT NULL,
  last_updated_ms BIGINT NOT NULL
);
CREATE INDEX logged_models_by_creation ON logged_models (experiment_id, creation_ms);
CREATE INDEX logged_models_by_run ON logged_models (source_run_id) WHERE source_run_id <> '';
CREATE TABLE logged_model_params (
  model_id TEXT NOT NULL,
  key TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (model_id, key)
);
CREATE TABLE logged_model_tags (
  model_id TEXT NOT NULL,
  key TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (model_id, key)
);
CREATE TABLE logged_model_metrics (
  model_id TEXT NOT NULL,
  key TEXT NOT NULL,
  timestamp_ms BIGINT NOT NULL,
  step BIGINT NOT NULL,
  run_id TEXT NOT NULL,
  value DOUBLE PRECISION NOT NULL,
  dataset_name TEXT NOT NULL,
  dataset_digest TEXT NOT NULL,
  PRIMARY KEY (model_id, key, timestamp_ms, step, run_id)
);
-- What a run read and wrote: role 'input' or 'output'.
CREATE TABLE run_models (
  run_number INTEGER NOT NULL REFERENCES runs,
  role TEXT NOT NULL,
  model_id TEXT NOT NULL,
  step BIGINT NOT NULL,
  PRIMARY KEY (run_number, role, model_id, step)
);
