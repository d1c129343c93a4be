DELETE FROM introduced_pending WHERE layer_id = ?1
