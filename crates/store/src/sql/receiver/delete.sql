DELETE FROM receiver WHERE name = ?1
