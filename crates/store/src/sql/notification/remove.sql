-- Takes their deliveries along.
DELETE FROM notification WHERE id IN (SELECT CAST(value ->> 0 AS BIGINT) FROM json_each(?1))
