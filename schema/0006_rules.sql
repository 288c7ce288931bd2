-- Rules, notices, and what they did. How far the rules have read the event log stands in bus.
CREATE TABLE bus (
  reader TEXT PRIMARY KEY,
  position BIGINT NOT NULL,    -- events up to here have been seen
  generation BIGINT NOT NULL   -- grows when rules change
);
INSERT INTO bus VALUES ('rules', 0, 0);

CREATE TABLE notices (
  name TEXT PRIMARY KEY,
  project TEXT NOT NULL,
  webhook TEXT NOT NULL,       -- '' : an event and a line in the log
  secret TEXT NOT NULL,        -- never shown
  disabled BIGINT NOT NULL     -- the receiver answered 410
);
CREATE TABLE notice_sends (
  id TEXT PRIMARY KEY,
  notice TEXT NOT NULL,
  event TEXT NOT NULL REFERENCES events (id),
  state TEXT NOT NULL,         -- PENDING, SENT, LOGGED, DEAD
  attempts BIGINT NOT NULL,
  reason TEXT NOT NULL,
  created BIGINT NOT NULL
);
CREATE INDEX notice_sends_pending ON notice_sends (id) WHERE state = 'PENDING';

CREATE TABLE rules (
  name TEXT PRIMARY KEY,
  project TEXT NOT NULL,
  spec TEXT NOT NULL,          -- the entry of tatara.yaml as JSON
  since BIGINT NOT NULL,       -- position of the log when it was set: later events count
  next_fire BIGINT,            -- of a schedule
  repeat_at BIGINT,            -- when `repeat: while on` looks again
  repeat_event TEXT NOT NULL   -- the alarm's event that it repeats, or ''
);
CREATE TABLE deliveries (
  id TEXT PRIMARY KEY,
  sequence BIGINT NOT NULL UNIQUE,
  project TEXT NOT NULL,
  rule TEXT NOT NULL,
  kind TEXT NOT NULL,          -- run, notify
  target TEXT NOT NULL,
  state TEXT NOT NULL,         -- RUNNING, SUCCEEDED, FAILED, BLOCKED, LIMITED
  reason TEXT NOT NULL,
  handle TEXT NOT NULL,
  params TEXT NOT NULL,        -- JSON object
  event TEXT NOT NULL REFERENCES events (id),
  cause TEXT NOT NULL,         -- the tatara.rule event of the decision
  time BIGINT NOT NULL,
  cause_time BIGINT NOT NULL,  -- the causing event's time: what cool-down and maxima count
  started BIGINT NOT NULL,     -- 1: counts as a start
  ended BIGINT,
  UNIQUE (rule, event)
);
CREATE INDEX deliveries_running ON deliveries (sequence) WHERE state = 'RUNNING';
CREATE INDEX deliveries_starts ON deliveries (rule, cause_time) WHERE started = 1;
