-- Endpoints, the versions that were deployed to them, and the files of what they were asked.
CREATE TABLE endpoints (
  name TEXT PRIMARY KEY,
  project TEXT NOT NULL,           -- whose apply made it; '' when `deploy` did
  model TEXT NOT NULL,             -- the registered model; '' when it serves files
  alias TEXT NOT NULL,             -- the alias of `model` that it follows; '' when it follows none
  wanted_version BIGINT NOT NULL,  -- the version that its project names; 0: none
  sample DOUBLE PRECISION NOT NULL,  -- percent of the requests that are captured
  keep_versions BIGINT NOT NULL,
  handled TEXT NOT NULL,           -- the alias_set event that was acted upon last
  created BIGINT NOT NULL,
  event TEXT NOT NULL              -- its endpoint_created or endpoint_changed event
);

CREATE TABLE deployments (
  endpoint TEXT NOT NULL,
  version BIGINT NOT NULL,         -- as clients address it
  number BIGINT NOT NULL,          -- order of deploying; the greatest READY one is the default
  uri TEXT NOT NULL,               -- models:/NAME/N, or the name of the file
  path TEXT NOT NULL,              -- the ONNX file in the artifact store
  signature TEXT NOT NULL,         -- JSON list: the inputs' names of its MLflow signature
  state TEXT NOT NULL,             -- READY, FAILED, RETIRED
  reason TEXT NOT NULL,
  deployed BIGINT NOT NULL,
  event TEXT NOT NULL,             -- its deployed or deploy_failed event
  PRIMARY KEY (endpoint, version)
);

-- Closed journals that became Parquet: HOME/capture/ENDPOINT/NUMBER.parquet.
CREATE TABLE capture_files (
  endpoint TEXT NOT NULL,
  number BIGINT NOT NULL,
  captured_rows BIGINT NOT NULL,
  first_time BIGINT NOT NULL,
  last_time BIGINT NOT NULL,
  PRIMARY KEY (endpoint, number)
);
