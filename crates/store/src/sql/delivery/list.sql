SELECT
  d.notification_id, m.name, m.namespace, m.vulnerability, d.receiver, d.attempts, d.next_at,
  d.delivered_at, d.last_error, m.feed
FROM delivery d
JOIN notification m ON m.id = d.notification_id
WHERE d.receiver = ?1 AND d.state = ?2 AND d.notification_id > ?3
ORDER BY d.notification_id
LIMIT ?4
