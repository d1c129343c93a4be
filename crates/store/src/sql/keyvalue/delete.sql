DELETE FROM keyvalue WHERE key = ?1
