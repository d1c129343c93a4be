-- Nobody can take the lease until this transaction has ended.
SELECT l.token FROM lease l WHERE l.name = ?1 AND l.token = ?2
/*postgres FOR SHARE */
