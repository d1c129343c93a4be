-- Nobody else may change the row before this transaction ends.
SELECT l.id, l.engine_version, l.parent_id, l.analysis_id, a.version
FROM layer l
JOIN analysis a ON a.id = l.analysis_id
WHERE l.name = ?1
/*postgres FOR UPDATE OF l */
