-- A row comes back when the lease was free or had run out; its token is higher than any before.
INSERT INTO lease (name, holder, token, until)
VALUES (?1, ?2, 1, unixepoch() + ?3)
ON CONFLICT (name) DO UPDATE
SET holder = excluded.holder, token = lease.token + 1, until = excluded.until
WHERE lease.until <= unixepoch()
RETURNING token, until
