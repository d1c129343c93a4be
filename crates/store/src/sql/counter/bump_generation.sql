-- Also a lock: transactions that begin with it commit in the order of the ids they make.
UPDATE counter SET value = value + 1 WHERE name = 'generation'
