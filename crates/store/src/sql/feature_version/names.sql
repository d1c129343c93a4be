SELECT DISTINCT v.name
FROM namespace n
JOIN feature_version v ON v.namespace_id = n.id
WHERE n.name = ?1
