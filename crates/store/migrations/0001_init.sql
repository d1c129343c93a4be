-- The first schema. Ids are made by the database and never used again; times are seconds since 1970.

CREATE TABLE counter (
  name TEXT NOT NULL PRIMARY KEY,
  value BIGINT NOT NULL
);
-- generation: changed by every transaction that changes an answer already given; overlay: by those
-- that change vulnerabilities written by hand.
INSERT INTO counter (name, value) VALUES ('generation', 1), ('overlay', 1);

CREATE TABLE keyvalue (
  key TEXT NOT NULL PRIMARY KEY,
  value TEXT NOT NULL
);

CREATE TABLE secret (
  name TEXT NOT NULL PRIMARY KEY,
  value BLOB NOT NULL
);

CREATE TABLE namespace (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL UNIQUE,
  version_format TEXT NOT NULL
);

-- What a layer's bytes say alone, shared by every layer with the same bytes.
CREATE TABLE analysis (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  digest TEXT NOT NULL,
  version TEXT NOT NULL,
  data BLOB NOT NULL,
  UNIQUE (digest, version)
);

-- Interned for ever: `identity` is a hash over everything below it.
CREATE TABLE feature_version (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  identity TEXT NOT NULL UNIQUE,
  namespace_id BIGINT NOT NULL REFERENCES namespace (id),
  name TEXT NOT NULL,
  version TEXT NOT NULL,
  kind TEXT NOT NULL,
  package TEXT NOT NULL,
  package_version TEXT NOT NULL,
  arch TEXT,
  source TEXT,
  source_version TEXT,
  module TEXT,
  vendor TEXT
);
CREATE INDEX feature_version_name ON feature_version (namespace_id, name, id);

CREATE TABLE layer (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL UNIQUE,
  parent_id BIGINT REFERENCES layer (id),
  namespace_id BIGINT REFERENCES namespace (id),
  engine_version BIGINT NOT NULL,
  analysis_id BIGINT NOT NULL REFERENCES analysis (id),
  -- What is visible in this layer, and what it took away from its parent: src/effective.rs.
  features BLOB NOT NULL,
  removed BLOB NOT NULL,
  created_at BIGINT NOT NULL
);
CREATE INDEX layer_parent ON layer (parent_id);
CREATE INDEX layer_analysis ON layer (analysis_id);

-- Only the layers that bring a feature version in, not those that inherit it.
CREATE TABLE introduced (
  feature_version_id BIGINT NOT NULL REFERENCES feature_version (id),
  layer_id BIGINT NOT NULL REFERENCES layer (id) ON DELETE CASCADE,
  PRIMARY KEY (feature_version_id, layer_id)
) WITHOUT ROWID;
CREATE INDEX introduced_layer ON introduced (layer_id);

-- Written through the API. A change ends the row and adds another, so ids are in order of change.
CREATE TABLE vulnerability (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  namespace_id BIGINT NOT NULL REFERENCES namespace (id),
  name TEXT NOT NULL,
  description TEXT NOT NULL,
  link TEXT NOT NULL,
  severity TEXT NOT NULL,
  metadata TEXT,
  fixed_in TEXT NOT NULL,
  -- Meaning of the feed's record that this row stands in for, if there was one.
  feed_meaning TEXT,
  created_at BIGINT NOT NULL,
  ended_at BIGINT
);
CREATE UNIQUE INDEX vulnerability_live ON vulnerability (namespace_id, name) WHERE ended_at IS NULL;
CREATE INDEX vulnerability_ended ON vulnerability (ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX vulnerability_page ON vulnerability (namespace_id, id) WHERE ended_at IS NULL;

-- A feed's record that a caller deleted: hidden while it still means the same.
CREATE TABLE hidden_vulnerability (
  namespace_id BIGINT NOT NULL REFERENCES namespace (id),
  name TEXT NOT NULL,
  meaning TEXT NOT NULL,
  hidden_at BIGINT NOT NULL,
  PRIMARY KEY (namespace_id, name)
) WITHOUT ROWID;

CREATE TABLE notification (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL UNIQUE,
  namespace TEXT NOT NULL,
  vulnerability TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  notified_at BIGINT,
  deleted_at BIGINT,
  old_body TEXT,
  new_body TEXT
);
CREATE INDEX notification_deleted ON notification (deleted_at) WHERE deleted_at IS NOT NULL;
CREATE INDEX notification_subject ON notification (namespace, vulnerability, id);

CREATE TABLE receiver (
  name TEXT NOT NULL PRIMARY KEY,
  created_at BIGINT NOT NULL
);

CREATE TABLE delivery (
  notification_id BIGINT NOT NULL REFERENCES notification (id) ON DELETE CASCADE,
  receiver TEXT NOT NULL,
  -- pending, done or dead
  state TEXT NOT NULL,
  attempts BIGINT NOT NULL,
  next_at BIGINT NOT NULL,
  lease_until BIGINT NOT NULL,
  lease_token BIGINT NOT NULL,
  delivered_at BIGINT,
  last_error TEXT,
  PRIMARY KEY (notification_id, receiver)
) WITHOUT ROWID;
CREATE INDEX delivery_due ON delivery (receiver, state, next_at, notification_id);

-- The row outlives the lease, so that tokens only grow.
CREATE TABLE lease (
  name TEXT NOT NULL PRIMARY KEY,
  holder TEXT NOT NULL,
  token BIGINT NOT NULL,
  until BIGINT NOT NULL
);

-- Which snapshot each key uses.
CREATE TABLE snapshot (
  key TEXT NOT NULL PRIMARY KEY,
  digest TEXT,
  previous_digest TEXT,
  bytes BIGINT NOT NULL,
  chunks BIGINT NOT NULL,
  as_of TEXT,
  fetched_at BIGINT,
  published_at BIGINT,
  state TEXT NOT NULL
);

CREATE TABLE snapshot_chunk (
  digest TEXT NOT NULL,
  number BIGINT NOT NULL,
  data BLOB NOT NULL,
  stored_at BIGINT NOT NULL,
  PRIMARY KEY (digest, number)
) WITHOUT ROWID;
