-- Makes what is missing, and heals a namespace that was made before its format was known.
INSERT INTO namespace (name, version_format)
SELECT value ->> 0, value ->> 1 FROM json_each(?1) WHERE true
ON CONFLICT (name) DO UPDATE SET version_format = excluded.version_format
WHERE namespace.version_format = ''
