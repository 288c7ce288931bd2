-- Monitors, and the windows whose quality is still to be judged.
CREATE TABLE monitors (
  name TEXT PRIMARY KEY,
  project TEXT NOT NULL,
  endpoint TEXT NOT NULL,
  spec TEXT NOT NULL,            -- JSON, see src/monitor/spec.cc
  next_start BIGINT NOT NULL     -- start of the first window that has not been closed
);
CREATE TABLE monitor_windows (
  monitor TEXT NOT NULL,
  start BIGINT NOT NULL,
  finish BIGINT NOT NULL,
  quality_due BIGINT NOT NULL,
  PRIMARY KEY (monitor, start)
);
