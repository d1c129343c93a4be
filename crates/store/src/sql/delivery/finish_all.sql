UPDATE delivery SET state = 'done' WHERE notification_id = ?1 AND state <> 'done'
