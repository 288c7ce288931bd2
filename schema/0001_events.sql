-- The event log. Appended in the transaction of the change it tells; never changed afterwards.
CREATE TABLE events (
  position BIGINT PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  time BIGINT NOT NULL,
  source TEXT NOT NULL,
  type TEXT NOT NULL,
  subject TEXT NOT NULL,
  detail TEXT NOT NULL,
  cause TEXT NOT NULL,
  hops BIGINT NOT NULL
);
CREATE INDEX events_by_subject ON events (subject, position);
CREATE INDEX events_by_source ON events (source, position);
CREATE INDEX events_by_cause ON events (cause) WHERE cause <> '';
