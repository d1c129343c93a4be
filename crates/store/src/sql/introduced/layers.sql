-- One page of the layers that bring in any of these feature versions, by ascending id. Each row is
-- found from the one before it by a seek per feature version, so that a page costs the same however
-- many layers there are.
WITH RECURSIVE page (layer_id, number) AS (
  SELECT
    (
      SELECT MIN(candidate.lowest)
      FROM (
        SELECT (
          SELECT MIN(i.layer_id)
          FROM introduced i
          WHERE i.feature_version_id = CAST(value ->> 0 AS BIGINT) AND i.layer_id > ?2
        ) AS lowest
        FROM json_each(?1)
      ) candidate
    ),
    1
  UNION ALL
  SELECT
    (
      SELECT MIN(candidate.lowest)
      FROM (
        SELECT (
          SELECT MIN(i.layer_id)
          FROM introduced i
          WHERE i.feature_version_id = CAST(value ->> 0 AS BIGINT) AND i.layer_id > page.layer_id
        ) AS lowest
        FROM json_each(?1)
      ) candidate
    ),
    page.number + 1
  FROM page
  WHERE page.layer_id IS NOT NULL AND page.number < ?3
)
SELECT l.id, l.name
FROM page
JOIN layer l ON l.id = page.layer_id
ORDER BY l.id
