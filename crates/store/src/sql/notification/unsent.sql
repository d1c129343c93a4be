-- Of each subject of a list the latest notification, if an update made it and nobody was sent it.
SELECT m.id, m.namespace, m.vulnerability, m.old_body
FROM json_each(?1)
CROSS JOIN notification m
WHERE m.namespace = value ->> 0 AND m.vulnerability = value ->> 1
  AND m.feed IS NOT NULL AND m.held = 0 AND m.deleted_at IS NULL AND m.notified_at IS NULL
  AND NOT EXISTS (
    SELECT 1
    FROM notification l
    WHERE l.namespace = m.namespace AND l.vulnerability = m.vulnerability AND l.id > m.id
  )
  AND NOT EXISTS (
    SELECT 1
    FROM delivery d
    WHERE d.notification_id = m.id AND (d.attempts > 0 OR d.state <> 'pending')
  )
