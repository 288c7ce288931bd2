-- What `tatara apply` has made so. The text is what rules' pipeline runs are resolved from.
CREATE TABLE projects (
  name TEXT PRIMARY KEY,
  folder TEXT NOT NULL,
  text TEXT NOT NULL,            -- tatara.yaml as it was applied
  environment TEXT NOT NULL,     -- of apply, JSON; never shown
  applied BIGINT NOT NULL
);
CREATE TABLE project_items (
  project TEXT NOT NULL,
  kind TEXT NOT NULL,            -- pipeline, queue, source, view, service, endpoint, ...
  name TEXT NOT NULL,
  spec TEXT NOT NULL,            -- canonical JSON; two applies are equal when this is
  PRIMARY KEY (project, kind, name)
);
