-- What followed a pipeline run's last stage. A row is made with the registered version.
CREATE TABLE releases (
  run TEXT PRIMARY KEY,          -- the pipeline run
  mlflow_run TEXT NOT NULL,
  model TEXT NOT NULL,
  version BIGINT NOT NULL,
  event TEXT NOT NULL,           -- the version_created event: cause of the gate's
  detail TEXT NOT NULL           -- the verdict as JSON once there is one, else empty
);
