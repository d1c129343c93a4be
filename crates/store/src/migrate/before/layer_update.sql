UPDATE layer
SET namespace_id = ?2, engine_version = ?3, analysis_id = ?4, features = ?5, removed = ?6
WHERE id = ?1
