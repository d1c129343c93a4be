-- Nobody else may change the row before this transaction ends.
SELECT l.id, l.engine_version, l.parent_id, l.analysis_id FROM layer l WHERE l.name = ?1
/*postgres FOR UPDATE */
