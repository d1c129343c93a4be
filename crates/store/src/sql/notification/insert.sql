-- In the order of the list.
INSERT INTO notification (name, namespace, vulnerability, created_at, old_body, new_body)
SELECT value ->> 0, value ->> 1, value ->> 2, unixepoch(), value ->> 3, value ->> 4
FROM json_each(?1)
WHERE true
