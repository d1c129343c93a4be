-- What layers bring in under any name of a list, as itself or built from the source of that name.
SELECT
  v.id, n.name, n.version_format, v.name, v.version, v.kind, v.package, v.package_version, v.arch,
  v.source, v.source_version, v.module, v.vendor
FROM json_each(?2)
CROSS JOIN namespace n
CROSS JOIN feature_version v
WHERE n.name = ?1 AND v.namespace_id = n.id AND v.name = value ->> 0
  AND EXISTS (SELECT 1 FROM introduced i WHERE i.feature_version_id = v.id)
UNION
SELECT
  v.id, n.name, n.version_format, v.name, v.version, v.kind, v.package, v.package_version, v.arch,
  v.source, v.source_version, v.module, v.vendor
FROM json_each(?2)
CROSS JOIN namespace n
CROSS JOIN feature_version v
WHERE n.name = ?1 AND v.namespace_id = n.id AND v.source = value ->> 0
  AND EXISTS (SELECT 1 FROM introduced i WHERE i.feature_version_id = v.id)
ORDER BY 1
