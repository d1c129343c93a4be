-- No row comes back when another writer was first with this name, or the analysis is not there. On PostgreSQL
-- the same statement leaves word of what the layer brings in, so that it can be a transaction by itself.
/*postgres WITH stored AS ( */
INSERT INTO layer
  (name, parent_id, namespace_id, engine_version, analysis_id, features, removed, created_at)
SELECT ?1, ?2, ?3, ?4, a.id, ?5, ?6, unixepoch()
FROM analysis a
WHERE a.digest = ?7 AND a.version = ?8
ON CONFLICT (name) DO NOTHING
RETURNING id
/*postgres
), brought AS (
  INSERT INTO introduced_pending (layer_id, feature_versions)
  SELECT stored.id, CAST(?9 AS BYTEA)
  FROM stored
  WHERE CAST(?9 AS BYTEA) IS NOT NULL
)
SELECT id FROM stored
*/
