-- Not sent; due again after ?4 seconds, or dead when that is null.
UPDATE delivery
SET
  state = CASE WHEN CAST(?4 AS BIGINT) IS NULL THEN 'dead' ELSE 'pending' END,
  next_at = unixepoch() + COALESCE(CAST(?4 AS BIGINT), 0),
  lease_until = 0, last_error = ?5
WHERE notification_id = ?1 AND receiver = ?2 AND lease_token = ?3 AND state = 'pending'
RETURNING notification_id
