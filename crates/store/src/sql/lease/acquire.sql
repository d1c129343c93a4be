-- A row comes back when the lease was free or had run out; its token is higher than any before. None is taken
-- for a day: one that seems to be was taken while the clock was ahead.
INSERT INTO lease (name, holder, token, until)
VALUES (?1, ?2, 1, unixepoch() + ?3)
ON CONFLICT (name) DO UPDATE
SET holder = excluded.holder, token = lease.token + 1, until = excluded.until
WHERE lease.until <= unixepoch() OR lease.until > unixepoch() + 86400
RETURNING token, until
