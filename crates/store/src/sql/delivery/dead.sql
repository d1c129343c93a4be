SELECT d.notification_id, m.name, d.receiver, d.attempts, d.next_at, d.last_error
FROM delivery d
JOIN notification m ON m.id = d.notification_id
WHERE d.receiver = ?1 AND d.state = 'dead' AND d.notification_id > ?2
ORDER BY d.notification_id
LIMIT ?3
