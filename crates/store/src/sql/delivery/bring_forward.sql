-- None is put off for longer than ?2 seconds: one that seems to be was while the clock was ahead.
UPDATE delivery SET next_at = unixepoch()
WHERE receiver = ?1 AND state = 'pending' AND next_at > unixepoch() + ?2
RETURNING notification_id
