INSERT INTO snapshot (key, bytes, chunks, state) VALUES (?1, 0, 0, ?2)
ON CONFLICT (key) DO UPDATE SET state = excluded.state
