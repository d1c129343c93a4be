-- What is due, oldest first, and not behind an earlier, never delivered change of the same
-- vulnerability. Rows that another claimant holds are passed over, not waited for. None is held for a day: one that
-- seems to be was claimed while the clock was ahead.
WITH due AS MATERIALIZED (
  SELECT d.notification_id
  FROM delivery d
  JOIN notification m ON m.id = d.notification_id
  WHERE d.receiver = ?1 AND d.state = 'pending' AND d.next_at <= unixepoch()
    AND (d.lease_until <= unixepoch() OR d.lease_until > unixepoch() + 86400)
    AND NOT EXISTS (
      SELECT 1
      FROM notification e
      JOIN delivery b ON b.notification_id = e.id
      WHERE e.namespace = m.namespace AND e.vulnerability = m.vulnerability AND e.id < m.id
        AND b.receiver = ?1 AND b.state = 'pending' AND b.delivered_at IS NULL
    )
  ORDER BY d.next_at, d.notification_id
  LIMIT ?2
  /*postgres FOR UPDATE OF d SKIP LOCKED */
)
UPDATE delivery
SET attempts = attempts + 1, lease_until = unixepoch() + ?3, lease_token = lease_token + 1
WHERE receiver = ?1 AND notification_id IN (SELECT due.notification_id FROM due)
RETURNING
  notification_id,
  (SELECT m.name FROM notification m WHERE m.id = delivery.notification_id),
  attempts, lease_token,
  (SELECT m.created_at FROM notification m WHERE m.id = delivery.notification_id)
