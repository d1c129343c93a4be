-- One page of the layers that bring in any of these feature versions, by ascending id.
SELECT DISTINCT l.id, l.name
FROM json_each(?1)
CROSS JOIN introduced i
JOIN layer l ON l.id = i.layer_id
WHERE i.feature_version_id = CAST(value ->> 0 AS BIGINT) AND i.layer_id > ?2
ORDER BY l.id
LIMIT ?3
