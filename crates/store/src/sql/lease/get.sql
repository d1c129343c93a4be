SELECT l.holder, l.token, l.until FROM lease l WHERE l.name = ?1 AND l.until > unixepoch()
