INSERT INTO introduced_pending (layer_id, feature_versions) VALUES (?1, ?2)
