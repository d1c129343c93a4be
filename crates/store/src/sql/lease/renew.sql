-- Also after it ran out, as long as nobody else has taken it: then nothing has happened.
UPDATE lease SET until = unixepoch() + ?3 WHERE name = ?1 AND token = ?2 RETURNING until
