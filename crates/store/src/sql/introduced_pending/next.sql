-- The lowest up to a number, with their sizes and the highest number that waits now.
SELECT p.layer_id, LENGTH(p.feature_versions), (SELECT MAX(q.layer_id) FROM introduced_pending q)
FROM introduced_pending p
WHERE p.layer_id <= ?1
ORDER BY p.layer_id
LIMIT ?2
