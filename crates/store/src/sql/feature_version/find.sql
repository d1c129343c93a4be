SELECT v.id, v.identity
FROM json_each(?1) CROSS JOIN feature_version v
WHERE v.identity = value ->> 0
