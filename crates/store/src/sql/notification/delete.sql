UPDATE notification SET deleted_at = COALESCE(deleted_at, unixepoch()) WHERE name = ?1 RETURNING id
