-- No row comes back when another writer was first with this name, or the analysis is not there. On PostgreSQL
-- the same statement puts the layer into the inverted index, so that it can be a transaction by itself.
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
  INSERT INTO introduced (feature_version_id, layer_id)
  SELECT CAST(value ->> 0 AS BIGINT), stored.id
  FROM stored CROSS JOIN json_each(?9)
)
SELECT id FROM stored
*/
