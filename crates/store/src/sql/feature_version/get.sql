SELECT
  v.id, n.name, n.version_format, v.name, v.version, v.kind, v.package, v.package_version, v.arch,
  v.source, v.source_version, v.module, v.vendor
FROM json_each(?1)
CROSS JOIN feature_version v
JOIN namespace n ON n.id = v.namespace_id
WHERE v.id = CAST(value ->> 0 AS BIGINT)
