UPDATE notification SET notified_at = unixepoch() WHERE id = ?1
