-- Whose update a notification tells of (null: an edit through the API), and whether it is held back
-- until an operator has looked: then `held` is 1.
ALTER TABLE notification ADD COLUMN feed TEXT;
ALTER TABLE notification ADD COLUMN held BIGINT NOT NULL DEFAULT 0;
CREATE INDEX notification_held ON notification (feed) WHERE held = 1;

-- Advisories of source packages concern what was built from them.
CREATE INDEX feature_version_source ON feature_version (namespace_id, source, id)
  WHERE source IS NOT NULL;
