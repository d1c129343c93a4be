-- A layer and its ancestors, lowest first.
WITH RECURSIVE chain (id, parent_id, depth) AS (
  SELECT l.id, l.parent_id, 0 FROM layer l WHERE l.name = ?1
  UNION ALL
  SELECT l.id, l.parent_id, c.depth + 1 FROM layer l JOIN chain c ON l.id = c.parent_id
)
SELECT l.id, l.name, n.name, l.engine_version, a.digest, a.version, a.id
FROM chain c
JOIN layer l ON l.id = c.id
JOIN analysis a ON a.id = l.analysis_id
LEFT JOIN namespace n ON n.id = l.namespace_id
ORDER BY c.depth DESC
