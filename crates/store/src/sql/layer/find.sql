SELECT l.id, l.engine_version, l.parent_id, l.analysis_id FROM layer l WHERE l.name = ?1
