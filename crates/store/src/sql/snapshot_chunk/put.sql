INSERT INTO snapshot_chunk (digest, number, data, stored_at) VALUES (?1, ?2, ?3, unixepoch())
ON CONFLICT (digest, number) DO UPDATE SET stored_at = excluded.stored_at
