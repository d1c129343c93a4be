-- Chunks of no snapshot in use nor the one before it, older than ?1 seconds: younger ones may belong
-- to a snapshot that is being stored.
DELETE FROM snapshot_chunk
WHERE stored_at <= unixepoch() - ?1
  AND NOT EXISTS (
    SELECT 1 FROM snapshot s
    WHERE s.digest = snapshot_chunk.digest OR s.previous_digest = snapshot_chunk.digest
  )
