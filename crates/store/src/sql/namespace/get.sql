SELECT n.id, n.version_format FROM namespace n WHERE n.name = ?1
