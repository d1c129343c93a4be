SELECT n.id, n.name, n.version_format
FROM json_each(?1) CROSS JOIN namespace n
WHERE n.name = value ->> 0
