DELETE FROM delivery WHERE receiver = ?1
