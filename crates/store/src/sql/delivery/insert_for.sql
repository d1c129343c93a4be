-- The new notifications of a list, for every receiver. Those of an update wait ?2 seconds, and ?3
-- where the same vulnerability was told of within that time: it may change back.
INSERT INTO delivery
  (notification_id, receiver, state, attempts, next_at, lease_until, lease_token)
SELECT
  m.id, r.name, CASE WHEN m.held = 1 THEN 'held' ELSE 'pending' END, 0,
  unixepoch() + CASE
    WHEN m.feed IS NULL THEN 0
    WHEN EXISTS (
      SELECT 1
      FROM notification e
      WHERE e.namespace = m.namespace AND e.vulnerability = m.vulnerability AND e.id < m.id
        AND e.feed IS NOT NULL AND e.created_at > unixepoch() - CAST(?3 AS BIGINT)
    ) THEN CAST(?3 AS BIGINT)
    ELSE CAST(?2 AS BIGINT)
  END,
  0, 0
FROM json_each(?1)
CROSS JOIN notification m
CROSS JOIN receiver r
WHERE m.name = value ->> 0
