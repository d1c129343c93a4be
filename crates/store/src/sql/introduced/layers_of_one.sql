-- As introduced/layers for one feature version: a range of the primary key, however many there are.
SELECT l.id, l.name
FROM introduced i
JOIN layer l ON l.id = i.layer_id
WHERE i.feature_version_id = ?1 AND i.layer_id > ?2
ORDER BY i.layer_id
LIMIT ?3
