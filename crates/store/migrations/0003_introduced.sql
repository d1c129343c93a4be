-- Feature versions are never deleted. PostgreSQL locked each one's row for every layer that brings it in,
-- and wrote the lock to disk: most of what storing a layer cost. SQLite only looks it up, and cannot drop it.
/*postgres
ALTER TABLE introduced DROP CONSTRAINT IF EXISTS introduced_feature_version_id_fkey;
*/
