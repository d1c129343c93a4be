-- The numbers are 0 to count - 1 when both are the same.
SELECT COUNT(*), COALESCE(MAX(c.number) + 1, 0) FROM snapshot_chunk c WHERE c.digest = ?1
