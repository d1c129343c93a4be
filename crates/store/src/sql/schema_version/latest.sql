SELECT COALESCE(MAX(s.version), 0) FROM schema_version s
