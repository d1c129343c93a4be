-- What layers bring in under any name of a list, as itself or built from the source of that name. The
-- names of a set of repositories stand in one of the rows that have it.
SELECT
  v.id, n.name, n.version_format, v.name, v.version, v.kind, v.package, v.package_version, v.arch,
  v.source, v.source_version, v.module, v.vendor, v.repositories,
  CASE
    WHEN ROW_NUMBER() OVER (PARTITION BY v.repositories ORDER BY v.id) = 1
    THEN (SELECT r.names FROM repository_set r WHERE r.key = v.repositories)
  END
FROM (
  SELECT w.id
  FROM json_each(?2)
  CROSS JOIN namespace m
  CROSS JOIN feature_version w
  WHERE m.name = ?1 AND w.namespace_id = m.id AND w.name = value ->> 0
    AND EXISTS (SELECT 1 FROM introduced i WHERE i.feature_version_id = w.id)
  UNION
  SELECT w.id
  FROM json_each(?2)
  CROSS JOIN namespace m
  CROSS JOIN feature_version w
  WHERE m.name = ?1 AND w.namespace_id = m.id AND w.source = value ->> 0
    AND EXISTS (SELECT 1 FROM introduced i WHERE i.feature_version_id = w.id)
) found
JOIN feature_version v ON v.id = found.id
JOIN namespace n ON n.id = v.namespace_id
ORDER BY v.id
