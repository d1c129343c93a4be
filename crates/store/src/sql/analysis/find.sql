-- The share lock keeps it until the layer that refers to it is stored.
SELECT a.id FROM analysis a WHERE a.digest = ?1 AND a.version = ?2
/*postgres FOR KEY SHARE */
