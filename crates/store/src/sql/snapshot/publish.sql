-- The one before is kept to go back to; publishing the same again does not push it out.
INSERT INTO snapshot
  (key, digest, previous_digest, bytes, chunks, as_of, fetched_at, published_at, state)
VALUES (?1, ?2, NULL, ?3, ?4, ?5, unixepoch(), unixepoch(), ?6)
ON CONFLICT (key) DO UPDATE
SET
  previous_digest = CASE
    WHEN snapshot.digest = excluded.digest THEN snapshot.previous_digest ELSE snapshot.digest
  END,
  digest = excluded.digest, bytes = excluded.bytes, chunks = excluded.chunks,
  as_of = excluded.as_of, fetched_at = excluded.fetched_at, published_at = excluded.published_at,
  state = excluded.state
