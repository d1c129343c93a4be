-- Those that another replica moves are waited for, and are gone then.
DELETE FROM introduced_pending
WHERE layer_id IN (
  SELECT p.layer_id
  FROM introduced_pending p
  WHERE p.layer_id <= ?1
  ORDER BY p.layer_id
  /*postgres FOR UPDATE */
)
RETURNING layer_id, feature_versions
