UPDATE lease SET until = 0 WHERE name = ?1 AND token = ?2 RETURNING name
