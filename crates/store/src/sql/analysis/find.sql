SELECT a.id FROM analysis a WHERE a.digest = ?1 AND a.version = ?2
