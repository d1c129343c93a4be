-- In the order of the list, with ids in that order.
INSERT INTO notification
  (name, namespace, vulnerability, created_at, old_body, new_body, feed, held)
SELECT
  value ->> 0, value ->> 1, value ->> 2, unixepoch(), value ->> 3, value ->> 4,
  CAST(?2 AS TEXT), CAST(?3 AS BIGINT)
FROM json_each(?1)
WHERE true
