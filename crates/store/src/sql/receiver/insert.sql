INSERT INTO receiver (name, created_at) VALUES (?1, unixepoch())
ON CONFLICT (name) DO NOTHING
RETURNING name
