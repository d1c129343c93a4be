-- Which repositories the packages of a layer came from, as it decides which statements about them count. The
-- same package of other repositories is another feature version: it is matched otherwise. Null: not known; empty:
-- the image does not say; else a key of `repository_set`.
CREATE TABLE repository_set (
  key TEXT NOT NULL PRIMARY KEY,
  -- A JSON list, sorted.
  names TEXT NOT NULL
);
ALTER TABLE feature_version ADD COLUMN repositories TEXT;
