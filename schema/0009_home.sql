-- Facts about this home: its identity (to notice a copy), its clock, its last port.
CREATE TABLE home_facts (
  name TEXT PRIMARY KEY,
  value TEXT NOT NULL
);
