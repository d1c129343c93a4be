SELECT s.key, s.digest, s.previous_digest, s.bytes, s.chunks, s.as_of, s.fetched_at, s.published_at, s.state
FROM snapshot s
ORDER BY s.key
