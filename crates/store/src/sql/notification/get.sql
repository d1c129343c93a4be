SELECT
  m.id, m.name, m.namespace, m.vulnerability, m.created_at, m.notified_at, m.deleted_at, m.old_body,
  m.new_body, m.feed, m.held
FROM notification m
WHERE m.name = ?1
