-- The one that gets a row back runs the migration; the others wait here until it has.
INSERT INTO schema_version (version, name, applied_at) VALUES (?1, ?2, unixepoch())
ON CONFLICT (version) DO NOTHING
RETURNING version
