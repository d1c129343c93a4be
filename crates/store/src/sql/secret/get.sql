SELECT s.value FROM secret s WHERE s.name = ?1
