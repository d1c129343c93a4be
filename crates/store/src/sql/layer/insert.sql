-- No row comes back when another writer was first with this name.
INSERT INTO layer
  (name, parent_id, namespace_id, engine_version, analysis_id, features, removed, created_at)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, unixepoch())
ON CONFLICT (name) DO NOTHING
RETURNING id
