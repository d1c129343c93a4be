-- Held back before, sent now, or never when ?2 is 'done'.
UPDATE delivery SET state = CAST(?2 AS TEXT), next_at = unixepoch()
WHERE state = 'held'
  AND notification_id IN (SELECT CAST(value ->> 0 AS BIGINT) FROM json_each(?1))
