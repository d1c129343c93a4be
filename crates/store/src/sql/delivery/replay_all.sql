UPDATE delivery
SET state = 'pending', attempts = 0, next_at = unixepoch(), lease_until = 0
WHERE state = 'dead' AND receiver = ?1
  AND notification_id IN (SELECT m.id FROM notification m WHERE m.deleted_at IS NULL)
RETURNING notification_id
