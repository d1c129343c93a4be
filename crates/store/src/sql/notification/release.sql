UPDATE notification SET held = 0
WHERE held = 1 AND feed = ?1 AND deleted_at IS NULL
RETURNING id
