-- The hot path: everything GET /v1/layers/{name} needs, in one row.
SELECT
  l.id,
  p.name,
  n.name,
  l.engine_version,
  l.features,
  (SELECT c.value FROM counter c WHERE c.name = 'generation'),
  (SELECT c.value FROM counter c WHERE c.name = 'overlay')
FROM layer l
LEFT JOIN layer p ON p.id = l.parent_id
LEFT JOIN namespace n ON n.id = l.namespace_id
WHERE l.name = ?1
