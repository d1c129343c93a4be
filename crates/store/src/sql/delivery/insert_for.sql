-- The new notifications of a list, for every receiver.
INSERT INTO delivery
  (notification_id, receiver, state, attempts, next_at, lease_until, lease_token)
SELECT m.id, r.name, 'pending', 0, unixepoch(), 0, 0
FROM json_each(?1)
CROSS JOIN notification m
CROSS JOIN receiver r
WHERE m.name = value ->> 0
