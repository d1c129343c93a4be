INSERT INTO analysis (digest, version, data) VALUES (?1, ?2, ?3)
ON CONFLICT (digest, version) DO NOTHING
RETURNING id
