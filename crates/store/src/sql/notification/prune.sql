-- Read long ago; their deliveries go with them. A bounded number at a time.
DELETE FROM notification
WHERE id IN (
  SELECT m.id FROM notification m WHERE m.deleted_at <= unixepoch() - ?1 ORDER BY m.id LIMIT ?2
)
RETURNING id
