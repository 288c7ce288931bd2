-- Registered models, their versions and the aliases that point at them. Version numbers are never
-- used again: a deleted version keeps its row, with stage 'Deleted_Internal'.
CREATE TABLE registered_models (
  name TEXT PRIMARY KEY,
  description TEXT NOT NULL,
  creation_ms BIGINT NOT NULL,
  last_updated_ms BIGINT NOT NULL
);
CREATE INDEX registered_models_by_update ON registered_models (last_updated_ms);
CREATE TABLE registered_model_tags (
  name TEXT NOT NULL,
  key TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (name, key)
);
CREATE INDEX registered_model_tags_by_key ON registered_model_tags (key, name);

CREATE TABLE model_versions (
  name TEXT NOT NULL,
  version BIGINT NOT NULL,
  creation_ms BIGINT NOT NULL,
  last_updated_ms BIGINT NOT NULL,
  description TEXT NOT NULL,
  user_id TEXT NOT NULL,
  stage TEXT NOT NULL,
  source TEXT NOT NULL,
  storage_location TEXT NOT NULL,
  run_id TEXT NOT NULL,
  run_link TEXT NOT NULL,
  model_id TEXT NOT NULL,
  status TEXT NOT NULL,
  event_id TEXT NOT NULL,  -- its version_created event
  PRIMARY KEY (name, version)
);
CREATE INDEX model_versions_by_run ON model_versions (run_id) WHERE run_id <> '';
CREATE INDEX model_versions_by_model ON model_versions (model_id) WHERE model_id <> '';
CREATE TABLE model_version_tags (
  name TEXT NOT NULL,
  version BIGINT NOT NULL,
  key TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (name, version, key)
);
CREATE INDEX model_version_tags_by_key ON model_version_tags (key, name, version);

CREATE TABLE registered_model_aliases (
  name TEXT NOT NULL,
  alias TEXT NOT NULL,
  version BIGINT NOT NULL,
  event_id TEXT NOT NULL,  -- the alias_set event that made it point here
  PRIMARY KEY (name, alias)
);
