INSERT INTO repository_set (key, names)
SELECT value ->> 0, value ->> 1
FROM json_each(?1)
WHERE true
ON CONFLICT (key) DO NOTHING
