-- The names of a set of repositories stand in one of the rows that have it.
SELECT
  v.id, n.name, n.version_format, v.name, v.version, v.kind, v.package, v.package_version, v.arch,
  v.source, v.source_version, v.module, v.vendor, v.repositories,
  CASE
    WHEN ROW_NUMBER() OVER (PARTITION BY v.repositories ORDER BY v.id) = 1
    THEN (SELECT r.names FROM repository_set r WHERE r.key = v.repositories)
  END
FROM json_each(?1)
CROSS JOIN feature_version v
JOIN namespace n ON n.id = v.namespace_id
WHERE v.id = CAST(value ->> 0 AS BIGINT)
