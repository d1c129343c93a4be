SELECT c.data FROM snapshot_chunk c WHERE c.digest = ?1 AND c.number = ?2
