-- The layer and all its descendants, in one statement: a child stored meanwhile makes it fail on the
-- foreign key, and the transaction is tried again.
DELETE FROM layer WHERE id IN (
  WITH RECURSIVE doomed (id) AS (
    SELECT l.id FROM layer l WHERE l.name = ?1
    UNION ALL
    SELECT l.id FROM layer l JOIN doomed d ON l.parent_id = d.id
  )
  SELECT doomed.id FROM doomed
)
RETURNING analysis_id
