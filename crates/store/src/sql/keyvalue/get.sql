SELECT k.value FROM keyvalue k WHERE k.key = ?1
