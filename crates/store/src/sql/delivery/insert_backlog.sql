-- What a new receiver has missed.
INSERT INTO delivery
  (notification_id, receiver, state, attempts, next_at, lease_until, lease_token)
SELECT
  m.id, ?1, CASE WHEN m.held = 1 THEN 'held' ELSE 'pending' END, 0, unixepoch(), 0, 0
FROM notification m
WHERE m.deleted_at IS NULL
ON CONFLICT (notification_id, receiver) DO NOTHING
