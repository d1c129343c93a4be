SELECT a.id, a.data FROM json_each(?1) CROSS JOIN analysis a WHERE a.id = CAST(value ->> 0 AS BIGINT)
