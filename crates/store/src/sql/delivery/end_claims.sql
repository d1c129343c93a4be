UPDATE delivery SET lease_until = 0 WHERE state = 'pending' AND lease_until > unixepoch()
