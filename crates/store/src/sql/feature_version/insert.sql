INSERT INTO feature_version
  (identity, namespace_id, name, version, kind, package, package_version, arch, source,
   source_version, module, vendor, repositories)
SELECT
  value ->> 0, CAST(value ->> 1 AS BIGINT), value ->> 2, value ->> 3, value ->> 4, value ->> 5,
  value ->> 6, value ->> 7, value ->> 8, value ->> 9, value ->> 10, value ->> 11,
  value ->> 12
FROM json_each(?1)
WHERE true
ON CONFLICT (identity) DO NOTHING
RETURNING id, identity
