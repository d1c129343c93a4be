SELECT n.name, n.version_format FROM namespace n ORDER BY n.id
