-- Multiplies what synthetic-layers made: copies `first` to `last` of `layers` layers under new names, with
-- what they bring in. psql -v layers=N -v first=K -v last=K
SET session_replication_role = replica;
SET synchronous_commit = off;
INSERT INTO analysis (id, digest, version, data) OVERRIDING SYSTEM VALUE
SELECT a.id + copy * 10 * :layers::bigint, a.digest || 'copy' || copy, a.version, a.data
FROM generate_series(:first, :last) copy, analysis a WHERE a.id <= 10 * :layers::bigint;
INSERT INTO layer (id, name, parent_id, namespace_id, engine_version, analysis_id, features, removed, created_at)
  OVERRIDING SYSTEM VALUE
SELECT l.id + copy * 10 * :layers::bigint,
  lpad(to_hex(('x' || right(l.name, 16))::bit(64)::bigint + copy * :layers::bigint), 64, '0'),
  l.parent_id + copy * 10 * :layers::bigint, l.namespace_id, l.engine_version,
  l.analysis_id + copy * 10 * :layers::bigint, l.features, l.removed, l.created_at
FROM generate_series(:first, :last) copy, layer l WHERE l.id <= 10 * :layers::bigint;
INSERT INTO introduced (feature_version_id, layer_id)
SELECT i.feature_version_id, i.layer_id + copy * 10 * :layers::bigint
FROM generate_series(:first, :last) copy, introduced i WHERE i.layer_id <= 10 * :layers::bigint;
