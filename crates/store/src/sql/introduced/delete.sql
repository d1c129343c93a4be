DELETE FROM introduced WHERE layer_id = ?1
