SELECT
  COALESCE(SUM(CASE WHEN d.state = 'pending' AND d.delivered_at IS NULL THEN 1 ELSE 0 END), 0),
  COALESCE(SUM(CASE WHEN d.state = 'dead' THEN 1 ELSE 0 END), 0),
  MIN(CASE WHEN d.state = 'pending' AND d.delivered_at IS NULL THEN m.created_at END)
FROM delivery d
JOIN notification m ON m.id = d.notification_id
WHERE d.receiver = ?1 AND d.state IN ('pending', 'dead')
