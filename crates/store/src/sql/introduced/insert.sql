INSERT INTO introduced (feature_version_id, layer_id)
SELECT CAST(value ->> 0 AS BIGINT), CAST(value ->> 1 AS BIGINT)
FROM json_each(?1)
WHERE true
ON CONFLICT (feature_version_id, layer_id) DO NOTHING
