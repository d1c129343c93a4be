INSERT INTO introduced (feature_version_id, layer_id)
SELECT CAST(value ->> 0 AS BIGINT), l.id
FROM layer l CROSS JOIN json_each(?1)
WHERE l.name = ?2
ON CONFLICT (feature_version_id, layer_id) DO NOTHING
