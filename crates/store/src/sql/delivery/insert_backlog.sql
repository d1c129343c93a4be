-- What a new receiver has missed.
INSERT INTO delivery
  (notification_id, receiver, state, attempts, next_at, lease_until, lease_token)
SELECT m.id, ?1, 'pending', 0, unixepoch(), 0, 0
FROM notification m
WHERE m.deleted_at IS NULL
ON CONFLICT (notification_id, receiver) DO NOTHING
