-- The share lock keeps the parent until the child is stored.
SELECT l.id, l.name, l.features FROM layer l WHERE l.id = ?1
/*postgres FOR KEY SHARE */
