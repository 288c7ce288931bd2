-- Time series and the alarms over them.
CREATE TABLE series (
  number INTEGER PRIMARY KEY,
  metric TEXT NOT NULL,
  dimensions TEXT NOT NULL,    -- JSON object, names in order
  UNIQUE (metric, dimensions)
);
CREATE TABLE points (
  series INTEGER NOT NULL REFERENCES series (number),
  time BIGINT NOT NULL,
  source TEXT NOT NULL,        -- of an idempotent point; else a name of its own
  count DOUBLE PRECISION NOT NULL,
  sum DOUBLE PRECISION NOT NULL,
  minimum DOUBLE PRECISION NOT NULL,
  maximum DOUBLE PRECISION NOT NULL,
  arrives BIGINT NOT NULL,
  cause TEXT NOT NULL,
  position BIGINT NOT NULL UNIQUE,  -- order of writing; alarms keep a cursor on it
  PRIMARY KEY (series, time, source)
);
CREATE TABLE alarms (
  name TEXT PRIMARY KEY,
  project TEXT NOT NULL,
  spec TEXT NOT NULL,          -- the entry of tatara.yaml as JSON
  generation BIGINT NOT NULL,  -- grows with each Set
  state TEXT NOT NULL,
  reason TEXT NOT NULL,
  since BIGINT NOT NULL,
  detail TEXT NOT NULL,        -- of the event that made the state, or 'null'
  evaluated BIGINT NOT NULL,   -- evaluations up to this instant need not be done again
  position BIGINT NOT NULL     -- nor for points up to this one
);
