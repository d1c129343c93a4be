SELECT m.feed, COUNT(*), MIN(m.created_at)
FROM notification m
WHERE m.held = 1 AND m.feed IS NOT NULL AND m.deleted_at IS NULL
GROUP BY m.feed
ORDER BY m.feed
