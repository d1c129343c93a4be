-- What each of a list tells of now.
UPDATE notification
SET new_body = value ->> 1
FROM json_each(?1)
WHERE notification.id = CAST(value ->> 0 AS BIGINT)
